"""The process beside a training that carries the journal to the servers.

python -m common.tracking.mirror.process RUN

A process, not a thread: a hung request can be ended with it, so that the end of a training is bounded; it outlives a
training that was killed and says so; and MLflow's import and JSON need no share of the training's interpreter. In speed
the two could not be told apart (benchmarks/tracking_overhead.py). It lives as long as the training holds its stdin
open, and ends on its own when everything has arrived.
"""

import contextlib
import os
import random
import sys
import threading
import time
from pathlib import Path

from common.tracking import journal
from common.tracking.mirror.children import (
    BACK_OFF_SECONDS,
    LAST_ATTEMPTS,
    POLL_SECONDS,
    Children,
    allowed_servers,
    log,
)
from common.tracking.servers import named_now

LAST_SECONDS = 150.0  # when the training died and nobody waits; else the training decides
NICENESS = 5  # more, and on a busy machine it would take minutes to import MLflow


def main() -> int:
    """Mirrors one run until its training ends. Returns 0 when every server has everything.

    Arguments: the run's folder, and the servers that its user chose; those that only a folder names get nothing.
    """
    run, named = Path(sys.argv[1]), named_now() | set(sys.argv[2:])
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICENESS)
    from common.tracking.mirror.send import prepare

    prepare()
    ending = threading.Event()
    servers = allowed_servers(run, named)
    carriers = [threading.Thread(target=_guarded, args=(run, server, ending), daemon=True) for server in servers]
    for carrier in carriers:
        carrier.start()
    children = Children(named)
    for line in iter(sys.stdin.buffer.readline, b""):  # the runs of a grid; ends when the training closes it or dies
        children.add(Path(os.fsdecode(line.rstrip(b"\n"))))
    _wait_for_end([run], 5)
    _wait_for_end(children.runs, 20)  # the trainings of a grid that was killed notice it after a second or two
    for ended in (run, *children.runs):
        journal.repair(ended)
    ending.set()
    deadline = time.monotonic() + LAST_SECONDS
    _join(carriers, deadline)
    below = children.end()  # now: a run finds its place only where the one above it is
    _join(below, deadline)
    return int(any(thread.is_alive() for thread in carriers + below))


def _join(threads: list[threading.Thread], deadline: float) -> None:
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _wait_for_end(runs: list[Path], seconds: float) -> None:
    """A process that is being killed closes its files one after the other: wait for the locks, but not for ever."""
    deadline = time.monotonic() + seconds
    while any(map(journal.is_alive, runs)) and time.monotonic() < deadline:
        time.sleep(0.05)


def _guarded(run: Path, server: str, ending: threading.Event) -> None:
    try:
        carry(run, server, ending)
    except Exception as error:
        log(run, f"{server}: the mirror stopped: {type(error).__name__}: {error}")


def carry(run: Path, server: str, ending: threading.Event) -> None:
    """Keeps one server up to date until `ending` is set and it has everything, or LAST_ATTEMPTS failed after that."""
    from common.tracking.mirror.send import Sender

    sender = Sender(run, server)
    failures, last_attempts, seen = 0, LAST_ATTEMPTS, -1
    with sender.lock.acquire():
        while True:
            last = ending.is_set()
            size = journal.journal_path(run).stat().st_size
            fault = None
            if size != seen or failures or last:
                fault = sender.step()
                seen = size
            if fault is None:
                if failures:
                    log(run, f"{server}: up to date again")
                failures = 0
                if last:
                    return
                ending.wait(POLL_SECONDS)
                continue
            if not failures:
                log(run, f"{server}: {fault.words}")
            failures += 1
            last_attempts -= last
            if not last_attempts:
                return
            pause = BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS)) - 1]
            if last:
                time.sleep(1)
            else:
                ending.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads a grid's attempts


if __name__ == "__main__":
    status = main()
    # Daemon threads may hang in a request; nothing is left to clean up.
    os._exit(status)
