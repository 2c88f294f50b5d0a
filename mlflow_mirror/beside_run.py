"""The process beside a run that sends the journal to the servers.

python -m mlflow_mirror.beside_run RUN SERVER...

It is a process, not a thread, for three reasons: ending it ends a hung request, so a run never waits for long; it
outlives a run that was killed, and reports that; and MLflow's import and JSON do not slow down the training's
interpreter. We measured no difference in speed. It lives while the training holds its stdin open, and ends on its own
when everything has arrived.
"""

import contextlib
import os
import sys
import time
from pathlib import Path
from threading import Event, Thread

from mlflow_mirror.mlflow_settings import prepare

if __name__ == "__main__":  # before MLflow is imported, which takes seconds and reads its settings then
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)  # more, and on a busy machine it would take minutes to import MLflow
    prepare()

from common.tracking import journal, journal_writer, writer_lock
from common.tracking.server_choice import uri_of
from common.tracking.trusted_servers import may_be_sent, named_now
from mlflow_mirror.worker import Carrier

LAST_SECONDS = 150.0  # if the run died and nobody waits for this process; otherwise the run sets the limit


def main() -> None:
    """Mirrors one run, and the runs of a grid whose folders come on stdin, until its training ends.

    Arguments: the run's folder, and the servers that its user chose; servers that only the folder names get nothing.
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
    """Waits for the locks, but not forever: a process that is being killed closes its files one after the other."""
    deadline = time.monotonic() + seconds
    while any(map(writer_lock.is_alive, runs)) and time.monotonic() < deadline:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
    os._exit(0)  # daemon threads may hang in a request; nothing is left to clean up
