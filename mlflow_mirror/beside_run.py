"""Sends the journal of a run to its servers, in a separate process that runs alongside training.

python -m mlflow_mirror.beside_run RUN SERVER...

The mirror is a process rather than a thread for three reasons. A request that hangs can be stopped by ending the
process, so a run never waits for long. If a run is killed, the mirror lives on and reports the run's end. Importing
MLflow and encoding JSON cannot slow down training. (However, no difference in speed was measured.)

The mirror runs until its stdin is closed because training has ended or the training process has died. Then it sends the
remaining records, and ends.
"""

import contextlib
import os
import sys
import time
from pathlib import Path
from threading import Event, Thread

from mlflow_mirror.mlflow_settings import prepare

if __name__ == "__main__":  # before the slow import of MLflow, which reads these settings
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)  # at a niceness above 5, importing MLflow would take minutes on a busy machine
    prepare()

from common.tracking import journal, journal_writer, writer_lock
from common.tracking.server_choice import uri_of
from common.tracking.trusted_servers import may_be_sent, named_now
from mlflow_mirror.worker import Carrier

LAST_SECONDS = 150.0  # time limit for sending the rest if the run died; otherwise the run itself waits and sets a limit


def main() -> None:
    """Sends one run and, if it is a grid, also the runs whose folders arrive on stdin, until training ends.

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
    for line in iter(sys.stdin.buffer.readline, b""):  # the loop ends when the pipe is closed
        add(Path(os.fsdecode(line.rstrip(b"\n"))))
    _wait_for_end([Path(sys.argv[1])], 5)
    _wait_for_end(runs, 20)  # the runs of a killed grid end a second or two after the grid
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
