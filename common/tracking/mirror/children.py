"""Mirrors the runs of a grid from one process: a process with MLflow for each would cost more than a short training."""

import contextlib
import os
import random
import threading
import time
from collections.abc import Collection
from pathlib import Path

from filelock import Timeout

from common.tracking import journal
from common.tracking.faults import Fault, words_of
from common.tracking.secrets import scrub
from common.tracking.servers import how_to_send, may_be_sent
from common.tracking.translate import clean

POLL_SECONDS = 1.0
BACK_OFF_SECONDS = (1, 2, 4, 8, 15, 30, 60)
LAST_ATTEMPTS = 3


class Children:
    """The runs that a grid told of, one thread for each server that they go to."""

    def __init__(self, named: Collection[str]):
        """`named`: the servers that the user names, see `servers.may_be_sent`."""
        self.named = named
        self.runs: list[Path] = []
        self._ending = threading.Event()
        self._threads: dict[str, threading.Thread] = {}

    def add(self, run: Path) -> None:
        """Mirrors this run, too, from now on."""
        if run in self.runs or not journal.begun(run):
            return
        self.runs.append(run)
        for server in allowed_servers(run, self.named):
            if server not in self._threads:
                thread = threading.Thread(target=self._carry, args=(server,), daemon=True)
                self._threads[server] = thread
                thread.start()

    def end(self) -> list[threading.Thread]:
        """Returns the threads, which end as soon as everything was sent or cannot be."""
        self._ending.set()
        return list(self._threads.values())

    def _carry(self, server: str) -> None:
        """Keeps one server up to date with every run that goes there."""
        seen: dict[Path, int] = {}
        senders: dict = {}
        failures, last_attempts = 0, LAST_ATTEMPTS
        while True:
            last = self._ending.is_set()
            fault = None
            for run in list(self.runs):
                if server in allowed_servers(run, self.named, quiet=True):
                    fault = _guarded_step(run, server, seen, senders) or fault
                if fault is not None and fault.kind == "away":  # the next run would only wait as long
                    break
            failures = failures + 1 if fault is not None else 0
            last_attempts -= last and fault is not None
            if last and (fault is None or not last_attempts):
                return
            if last:
                time.sleep(1)
                continue
            pause = BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS)) - 1] if failures else POLL_SECONDS
            self._ending.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads the attempts of several grids


def allowed_servers(run: Path, named: Collection[str], quiet: bool = False) -> list[str]:
    """The servers of a run that may be sent to; the mirror's log says which may not."""
    found = journal.servers(run)
    allowed = [target for target in found if may_be_sent(run, target, named)]
    for target in [] if quiet else found:
        if target not in allowed:
            log(run, how_to_send(run, target))
    return allowed


def _guarded_step(run: Path, server: str, seen: dict, senders: dict) -> Fault | None:
    """A fault of one run's folder must not end what sends the others; a run whose folder was removed is over."""
    try:
        return _step(run, server, seen, senders) if journal.begun(run) else None
    except Exception as error:
        log(run, f"{server}: {words_of(error)}")
        return Fault("missing", words_of(error))


def _step(run: Path, server: str, seen: dict, senders: dict) -> Fault | None:
    """Sends what is new of one run; a run that came to its end is forgotten."""
    from common.tracking.mirror.send import Sender

    size = journal.journal_path(run).stat().st_size
    if seen.get(run) == size:
        return None
    if run not in senders:
        senders[run] = Sender(run, server)
    sender = senders[run]
    with contextlib.suppress(Timeout), sender.lock.acquire(timeout=0):  # `sync` is sending it right now
        fault = sender.step()
        if fault is not None and fault.kind != "refused":
            return fault
        if fault is None and not (sender.placed or sender.mark.deleted):  # the one above it may come later
            return Fault("missing", "the run above it is not there")
        seen[run] = size
        if journal.last_status(run)[0] in journal.TERMINAL:
            del senders[run]
    return None


def log(run: Path, line: str) -> None:
    """Appends a line to RUN/tracking/mirror.log, without secrets."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    with contextlib.suppress(OSError):
        handle = os.open(journal.tracking_folder(run) / "mirror.log", flags, 0o644)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{moment} {clean(scrub(' '.join(line.split())))}\n")
