"""The live overview of a grid: one line per run, redrawn on a terminal, or printed to a log file once a minute."""

import shutil
import sys
import time
from collections import Counter

from common.atomic_files import write_text
from grid_search.plan import Plan

BLOCK_SECONDS = 60.0  # time between two overviews if the output is a log file
FILE_SECONDS = 5.0


class LiveView:
    """Prints the events of a grid, and keeps a list of all runs in overview.txt in the grid's folder."""

    def __init__(self, plan: Plan, slots: int):
        self.plan, self.slots = plan, slots
        self._drawn = 0  # lines of the live overview on the terminal
        self._block = self._written = time.monotonic()
        self._took: list[float] = []

    def say(self, words: str) -> None:
        """Prints the time and `words` in one line above the live overview."""
        self._erase()
        print(f"{time.strftime('%H:%M:%S')}  {words}", flush=True)

    def started(self, progress) -> None:
        """Prints that a run starts, or after which epoch it resumes."""
        done, again = len(progress.rows), progress.tries > 1 or progress.losses
        how = f"resumes after epoch {done}" if done else "starts over, because it has not finished an epoch"
        how = how if progress.folder else "starts"
        self.say(f"{_name(progress)} {how} on {progress.host}{' (second try)' if again else ''}")

    def ended(self, progress) -> None:
        """Prints how a run ended, or why it will be tried again."""
        took = time.monotonic() - progress.started
        if progress.status == "finished":
            self._took.append(took)
        number = self._metric(progress)
        status = "will be tried again" if progress.status == "waiting" else progress.status
        why = f": {progress.reason}" if progress.status in ("waiting", "failed") else ""
        after = f"after epoch {len(progress.rows)}{number and f', {number}'}, {span(took)}"
        self.say(f"{_name(progress)} {status} {after}{why}")

    def update(self, runs: list) -> None:
        """Shows all runs, live on a terminal or once a minute in a log file."""
        now, size = time.monotonic(), shutil.get_terminal_size()
        lines = [self.line(progress) for progress in runs if progress.status == "running"]
        if now - self._written > FILE_SECONDS:
            self.write(runs)
        if sys.stdout.isatty():
            lines = [*lines[: size.lines - 4], self.summary(runs)]
            self._erase()
            print("\n".join(line[: size.columns - 1] for line in lines), flush=True)
            self._drawn = len(lines)
        elif now - self._block > BLOCK_SECONDS:
            self._block = now
            print("\n".join([*lines, self.summary(runs)]), flush=True)

    def close(self, runs: list) -> None:
        """Removes the live overview, and writes the final state of all runs to overview.txt."""
        self._erase()
        self.write(runs)

    def write(self, runs: list) -> None:
        """Updates overview.txt."""
        self._written = time.monotonic()
        lines = [*map(self.line, runs), self.summary(runs)]
        write_text(self.plan.folder / "overview.txt", "\n".join(lines) + "\n")

    def line(self, progress) -> str:
        """Describes a run in one line: number, status, epoch, metric, time left, label."""
        epoch = f"epoch {len(progress.rows)}/{progress.epochs or '?'}" if progress.rows or progress.folder else ""
        left = seconds_left(progress) if progress.status == "running" else None
        columns = f"{progress.status:9}{epoch:16}{self._metric(progress):24}"
        return f"{columns}{'' if left is None else f'{span(left)} left':16}{progress.host:14}{_name(progress)}"

    def summary(self, runs: list) -> str:
        """Summarises all runs in one line."""
        counts = Counter(progress.status for progress in runs)
        words = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        waiting = counts["waiting"] * (sum(self._took) / len(self._took) if self._took else 0) / self.slots
        running = max([seconds_left(p) or 0 for p in runs if p.status == "running"], default=0)
        known = counts["running"] and (self._took or not counts["waiting"])
        left = f", about {span(waiting + running)} left" if known else ""
        return f"{len(runs)} run{'s' * (len(runs) != 1)}: {words}{left}"

    def _metric(self, progress) -> str:
        value = progress.best(self.plan.metric)
        return "" if value is None else f"{self.plan.metric} {value:.4g}"

    def _erase(self) -> None:
        if self._drawn:
            getattr(sys.stdout, "control", sys.stdout.write)(f"\x1b[{self._drawn}F\x1b[J")
            sys.stdout.flush()
            self._drawn = 0


def _name(progress) -> str:
    return f"{progress.run.index:03} {progress.run.label}"


def seconds_left(progress) -> float | None:
    """Estimates from the latest epochs how many seconds a run still needs; None before the first epoch ends."""
    latest = [row["epoch_seconds"] for row in progress.rows[-10:] if "epoch_seconds" in row]
    if not latest or not progress.epochs:
        return None
    return (progress.epochs - len(progress.rows)) * sum(latest) / len(latest)


def span(seconds: float) -> str:
    """Formats seconds for people: 42 s, 3 min 20 s, 2 h 10 min."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes} min {seconds} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
