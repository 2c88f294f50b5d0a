"""How far a run of a grid is, and the slot that works on it, as the driver sees them."""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from common import tracking
from common.tracking import journal
from grid_search import run_folders
from grid_search.plan import Plan, Training
from grid_search.run_folders import State


@dataclass
class Progress:
    """A run on its way. status: waiting, running, finished, pruned, failed or stopped."""

    training: Training
    state: State
    status: str = "waiting"
    tries: int = 0
    losses: int = 0
    host: str = ""
    reason: str = ""  # of a failure, in a few lines
    started: float = 0.0
    first_row: int = 0
    pruned: bool = False
    carried: bool = False
    lock: object = None  # see `hold`

    def receive(self, plan: Plan, changes: list) -> None:
        """Writes what a run on another node wrote into the driver's folders."""
        runs = plan.folder.parent
        for name, offset, content in changes:
            folder, _, rest = name.partition("/")
            if not rest:
                run_folders.apply(plan.folder / "logs", [(f"{self.training.index:03}.far.log", offset, content)])
                continue
            self.state = dataclasses.replace(self.state, folder=runs / folder)
            run_folders.apply(runs / folder, [(rest, offset, content)])
            self.hold()

    def hold(self) -> None:
        """Keeps `sync` from ending the run that another node is writing."""
        if self.lock is None and tracking.begun(self.state.folder):
            self.lock = journal.alive_lock(self.state.folder)
            self.lock.acquire(timeout=5)

    def let_go(self) -> None:
        """Undoes `hold`."""
        if self.lock is not None:
            self.lock.release()
            self.lock = None


@dataclass
class Place:
    """A slot as the driver sees it."""

    actor: object
    about: dict | None = None
    work: Progress | None = None
    fetched: float = 0.0
    looking: bool = False
    stopping: bool = False


def wait_for_writer(folder: Path, seconds: float = 60.0) -> None:
    """A run of a driver that was killed ends a moment after it."""
    deadline = time.monotonic() + seconds
    while journal.is_alive(folder) and time.monotonic() < deadline:
        time.sleep(0.2)
