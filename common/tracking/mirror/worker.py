"""Keeps servers up to date with active runs, with one thread for each server."""

import contextlib
import os
import random
import threading
import time
from collections.abc import Collection
from pathlib import Path

from filelock import Timeout

from common.tracking import journal
from common.tracking.mirror.send import Sender
from common.tracking.secrets import scrub
from common.tracking.server_choice import how_to_send, may_be_sent
from common.tracking.server_errors import Fault, words_of
from common.tracking.translate import clean

POLL_SECONDS = 1.0
BACK_OFF_SECONDS = (1, 2, 4, 8, 15, 30, 60)
LAST_ATTEMPTS = 3


class Worker:
    """The runs that a process sends: a single run, or a grid's run followed by all runs below it."""

    def __init__(self, named: Collection[str]):
        """`named`: the servers that the user chose, see `servers.may_be_sent`."""
        self.named = named
        self.runs: dict[Path, list[str]] = {}  # run -> the servers that it is sent to
        self._ending = threading.Event()
        self._threads: dict[str, threading.Thread] = {}

    def add(self, run: Path) -> None:
        """Also sends this run from now on. The log of the run says which of its servers get nothing."""
        if run in self.runs or not journal.begun(run):
            return
        servers = journal.servers(run)
        self.runs[run] = [server for server in servers if may_be_sent(run, server, self.named)]
        for server in servers:
            if server not in self.runs[run]:
                log(run, how_to_send(run, server))
            elif server not in self._threads:
                thread = threading.Thread(target=self._carry, args=(server,), daemon=True)
                self._threads[server] = thread
                thread.start()

    def end(self, seconds: float) -> bool:
        """Waits, with a time limit, until every server has everything or has given up. Returns whether all are done."""
        self._ending.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads.values():
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads.values())

    def _carry(self, server: str) -> None:
        """Keeps one server up to date until the end is requested, and it has everything or LAST_ATTEMPTS failed."""
        seen: dict[Path, int] = {}
        senders: dict[Path, Sender] = {}
        failures, last_attempts = 0, LAST_ATTEMPTS
        while True:
            last, fault = self._ending.is_set(), None
            for run in [run for run, servers in list(self.runs.items()) if server in servers]:
                fault = _guarded_step(run, server, seen, senders, quiet=failures > 0) or fault
                if fault is not None and fault.kind == "away":  # the next run would have to wait just as long
                    break
            if fault is None and failures:
                log(next(iter(self.runs)), f"{server}: up to date again")
            failures = failures + 1 if fault is not None else 0
            last_attempts -= last and fault is not None
            if last and (fault is None or not last_attempts):
                return
            if last:
                time.sleep(1)
                continue
            pause = BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS)) - 1] if failures else POLL_SECONDS
            self._ending.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads the attempts of several mirrors


def _guarded_step(run: Path, server: str, seen: dict, senders: dict, quiet: bool) -> Fault | None:
    """Catches a fault in one run's folder, so that the other runs are still sent."""
    try:
        fault = _step(run, server, seen, senders)
    except Exception as error:
        fault = Fault("missing", words_of(error))
    if fault is not None and not quiet:
        log(run, f"{server}: {fault.words}")
    return fault


def _step(run: Path, server: str, seen: dict, senders: dict) -> Fault | None:
    """Sends what is new in one run. Forgets a run that has ended or whose folder was removed."""
    try:
        size = journal.journal_path(run).stat().st_size
    except OSError:
        return None
    if seen.get(run) == size:
        return None
    if run not in senders:
        senders[run] = Sender(run, server)
    sender = senders[run]
    try:
        with sender.lock.acquire(timeout=0):
            fault = sender.step()
    except Timeout:
        return Fault("missing", "another process is sending it")
    if fault is not None and fault.kind != "refused":
        return fault
    if fault is None and not (sender.placed or sender.mark.deleted):  # its parent may come later
        return Fault("missing", "its parent run does not exist there")
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
