"""Measures how many patches per second both training methods process.

The two methods take turns, so that other work on the machine affects both. On a shared machine, patches per CPU second
are more reliable than patches per second.
"""

import json
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

SMALL = {"filters": [4, 4, 8, 8], "dense": 32, "batch_size": 128}
NETWORKS = ([4, 4, 8, 8], [8, 8, 16, 16], [16, 16, 32, 32])
BATCHES = (32, 128, 512, 2048)


class Worker:
    """A process that runs training_methods.py, with one method ready to be measured."""

    def __init__(self, way: str, project: str, threads: int, patches: tuple[int, int], settings: dict):
        job = {"way": way, "project": project, "threads": threads, "patches": patches, "settings": settings}
        command = [sys.executable, str(Path(__file__).with_name("training_methods.py")), json.dumps(job)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, text=True, bufsize=1, **pipes)

    def start(self, command: str) -> None:
        """Sends a command to the process (see `training_methods.serve`)."""
        self.process.stdin.write(command + "\n")

    def answer(self) -> tuple[float, float]:
        """Waits for the reply to the command; returns the wall and CPU seconds."""
        wall, cpu = map(float, self.process.stdout.readline().split())
        return wall, cpu

    def ask(self, command: str) -> tuple[float, float]:
        """Sends a command and returns the reply."""
        self.start(command)
        return self.answer()


@contextmanager
def worker(*arguments):
    """Starts a worker, and stops it at the end of the `with` block."""
    one = Worker(*arguments)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()


def speed(project: str, rounds: int, patches: tuple[int, int]) -> dict:
    """Measures patches per second: the textbook method, one run and two parallel runs take turns."""
    with ExitStack() as stack:
        job = (project, 0, patches, SMALL)
        book = stack.enter_context(worker("textbook", *job))
        pair = [stack.enter_context(worker("compiled", project, 1, patches, SMALL)) for _ in range(2)]
        for one in (book, *pair):
            one.ask("ready")
        rows = []
        for _ in range(rounds):
            row = {}
            for name, one in (("textbook", book), ("compiled", pair[0])):
                for what, command, n in (("", "train", patches[0]), (", evaluation", "evaluate", patches[1])):
                    wall, cpu = one.ask(command)
                    row |= {name + what: n / wall, f"{name}{what}, per CPU second": n / cpu}
            row["two side by side"] = 2 * patches[0] / together(pair, "train")
            rows.append(row)
            print("  ".join(f"{name} {value:,.0f}" for name, value in row.items()), flush=True)
        memory = {"textbook": book.ask("memory")[0], "compiled": pair[0].ask("memory")[0]}
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    ratios = {name: medians[name] / medians["textbook"] for name in ("compiled", "two side by side")}
    for what in (", evaluation", ", per CPU second"):
        ratios[what[2:]] = medians["compiled" + what] / medians["textbook" + what]
    return {"rows": rows, "medians": medians, "ratios": ratios, "memory": memory}


def together(workers: list[Worker], command: str) -> float:
    """Starts a command in all workers at the same time; returns the wall seconds until all of them have finished."""
    started = time.perf_counter()
    for one in workers:
        one.start(command)
    for one in workers:
        one.answer()
    return time.perf_counter() - started


def sweep(project: str, patches: tuple[int, int]) -> list[dict]:
    """Measures both methods in turn with several batch and network sizes; the faster of two epochs counts."""
    points = [{"batch_size": size} for size in BATCHES]
    points += [{"filters": network} for network in NETWORKS if network != SMALL["filters"]]
    rows = []
    with (
        worker("textbook", project, 0, patches, SMALL) as book,
        worker("compiled", project, 1, patches, SMALL) as ours,
    ):
        for point in points:
            row = SMALL | point
            for name, one in (("textbook", book), ("compiled", ours)):
                one.ask("set " + json.dumps(SMALL | point))
                row[name] = patches[0] / min(one.ask("train")[0] for _ in range(2))
            rows.append(row)
            print({key: round(value) if isinstance(value, float) else value for key, value in row.items()}, flush=True)
    return rows
