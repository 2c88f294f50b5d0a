"""Sends the journal of a run to its servers, as a process that runs beside the training.

python -m mlflow_mirror.beside_run RUN SERVER...

It is a process and not a thread for three reasons: ending the process ends a hung request, so a run never waits for
long; the process outlives a run that was killed, and reports this; and MLflow's import and JSON do not slow down the
training. (The measured speed is the same.) The process continues while the training holds its stdin open; then it
sends what is left, and ends.
"""

import contextlib
import os
import sys
import time
from pathlib import Path
from threading import Event, Thread

from mlflow_mirror.mlflow_settings import prepare

if __name__ == "__main__":  # before the import of MLflow, which takes seconds and reads these settings
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)  # with a higher value, importing MLflow would take minutes on a busy machine
    prepare()

from common.tracking import journal, journal_writer, writer_lock
from common.tracking.server_choice import uri_of
from common.tracking.trusted_servers import may_be_sent, named_now
from mlflow_mirror.worker import Carrier

LAST_SECONDS = 150.0  # limit after the end if the run died; otherwise the run waits and sets the limit


def main() -> None:
    """Sends one run, and the runs of its grid whose folders arrive on stdin, until the training ends.

    Arguments: the run's folder, and the servers that the user chose; other servers named in the folder get nothing.
    There is one thread for each server.
    """
    named, ending = named_now() | set(sys.argv[2:]), Event()
    runs: list[Path] = []
    carriers: dict[str, Carrier] = {}
    threads: list[Thread] = []

    def add(run: Path) -> None:
        if run in runs or not journal.begun(run):
            return
        runs.append(run)
        for target in journal.servers(run):
            if may_be_sent(run, target, named):
                carrier = carriers.setdefault(uri := uri_of(run, target), Carrier(uri))
                carrier.jobs.append((run, target))
                if len(carrier.jobs) == 1:
                    threads.append(Thread(target=carrier.keep_up, args=(ending,), daemon=True))
                    threads[-1].start()

    add(Path(sys.argv[1]))
    for line in iter(sys.stdin.buffer.readline, b""):  # ends when the pipe is closed
        add(Path(os.fsdecode(line.rstrip(b"\n"))))
    _wait_for_end([Path(sys.argv[1])], 5)
    _wait_for_end(runs, 20)  # the runs of a killed grid notice it after a second or two
    for run in runs:
        journal_writer.repair(run)
    ending.set()
    deadline = time.monotonic() + LAST_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _wait_for_end(runs: list[Path], seconds: float) -> None:
    """Waits until the runs' locks are free, because a dying process closes its files one after the other."""
    deadline = time.monotonic() + seconds
    while any(map(writer_lock.is_alive, runs)) and time.monotonic() < deadline:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
    os._exit(0)  # daemon threads may hang in a request; nothing is left to clean up
