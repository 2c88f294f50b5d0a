"""Decides whether a run is tried again after it failed or lost its slot, and describes the reason in a few words."""

from pathlib import Path

from grid_search.fork_server import MAY_PASS
from grid_search.run_progress import Progress

TRIES = 2  # number of times that a run is tried if the cause of its failures may be temporary
LOSSES = 3  # a run fails when it has lost its node or slot this many times


def after_failure(progress: Progress, status: int, log: Path) -> None:
    """Retries a run if the cause of its failure may be temporary: disk, memory, network, or a signal (status < 0).

    A run that failed because of bad input is not retried.
    """
    cause = {2: "bad input", MAY_PASS: "an error"}.get(status, f"exit status {status}")
    progress.reason = f"{cause if status >= 0 else f'killed by signal {-status}'}: {last_lines(log)}"
    progress.status = "failed" if status == 2 or progress.tries >= TRIES else "waiting"


def after_loss(progress: Progress, words: str) -> None:
    """Decides whether a run whose slot or node was lost gets another slot; this does not count as a try."""
    progress.losses += 1
    progress.tries -= 1
    progress.reason = words
    progress.status = "waiting" if progress.losses < LOSSES else "failed"


def last_lines(log: Path, count: int = 3) -> str:
    """Joins the last lines of a run's log into one line; of a traceback, only the end is included."""
    far = log.with_suffix(".far.log")
    text = "".join(path.read_text(errors="replace") for path in (log, far) if path.exists())
    lines = [line.split("\r")[-1].rstrip() for line in text.rpartition("\n--- ")[2].splitlines()]
    aside = (" ", "Traceback", "Not yet on ", "Tracked: ")
    told = [line for line in lines[1:] if line and "%|" not in line and not line.startswith(aside)]
    return " | ".join(told[-count:]) or "it printed nothing"
