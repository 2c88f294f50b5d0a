"""Sends runs to one server in rounds, once or for as long as the runs are active; waits longer after each failure."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from filelock import Timeout

from common.tracking import journal, writer_lock
from common.tracking.check_record import TERMINAL
from common.tracking.server_choice import is_http, probe
from common.tracking.server_errors import words_of
from mlflow_mirror.faults import Fault
from mlflow_mirror.send_run import Sender

BACK_OFF_SECONDS = (1, 1, 2, 4, 8, 15, 30, 60)  # seconds until the next round, by the number of failed rounds
LAST_ROUNDS = 3


class Carrier:
    """Sends runs to one server.

    jobs: (run, target) for every run to send. away: why the server was unreachable in the last round, or "".
    """

    def __init__(self, uri: str, patience: float = 0.0, arrived: Callable[[], object] = lambda: None):
        """`patience`: seconds to wait while another process sends a run. `arrived`: called after each complete run."""
        self.uri, self.jobs, self.away = uri, [], ""
        self._patience, self._arrived = patience, arrived
        self._sent: dict[tuple[Path, str], int] = {}  # (run, target) -> bytes of the journal that were sent
        self._senders: dict[tuple[Path, str], Sender] = {}

    def keep_up(self, ending: threading.Event) -> None:
        """Keeps sending new records until it is asked to end, and then sends the remaining records."""
        failures = 0
        while not ending.is_set():
            failures = failures + 1 if self.round() else 0
            pause = BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)]
            ending.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads the attempts of several mirrors
        self.finish()

    def finish(self) -> dict[Path, Fault]:
        """Repeats rounds until everything has arrived or LAST_ROUNDS have failed. Returns the faults by run."""
        for number in range(LAST_ROUNDS):
            time.sleep(number)
            faults, self._patience = self.round(), 0.0  # only the first round waits for other processes
            if not faults:
                break
        return faults

    def round(self) -> dict[Path, Fault]:
        """Sends the new records of all runs. Returns the faults by run; all other runs are complete.

        A fault in one run does not stop the other runs. If the server is unreachable, the round ends, because every
        other run would have to wait for the same time limit.
        """
        faults, self.away = {}, ""
        for run, target in list(self.jobs):
            try:
                fault = self._step(run, target)
            except Exception as error:
                fault = Fault("missing", words_of(error))
            if fault is not None:
                faults[run] = fault
                if fault.kind == "away" and is_http(self.uri) and probe(self.uri):
                    self.away = fault.words
                    break
        return faults

    def _step(self, run: Path, target: str) -> Fault | None:
        """Sends the new records of one run. Forgets a run that has ended or whose folder was removed."""
        try:
            size = journal.journal_path(run).stat().st_size
        except OSError:
            return None
        job = (run, target)  # two different targets can name the same store
        if self._sent.get(job) == size:
            return None
        if job not in self._senders:
            self._senders[job] = Sender(run, target)
        sender = self._senders[job]
        patience = 0 if self._patience and writer_lock.is_alive(run) else self._patience
        try:
            with sender.lock.acquire(timeout=patience):
                fault = sender.step()
        except Timeout:
            return Fault("missing", "another process is sending it")
        if fault is not None and fault.kind != "refused":
            return fault
        if fault is None and not (sender.placed or sender.mark.deleted):  # the parent of the run may be sent later
            return Fault("later", "its parent run does not exist there")
        self._sent[job] = size
        self._arrived()
        if journal.last_status(run)[0] in TERMINAL:
            del self._senders[job]
        return None
