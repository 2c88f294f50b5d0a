"""The progress of a run of a grid and the slot that works on it, as the driver sees them."""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from common import tracking
from common.tracking import run_lock
from grid_search import capacity, run_folders
from grid_search.plan import Plan, Run
from grid_search.run_folders import State
from grid_search.slot import Job


@dataclass
class Settings:
    """What the driver of a grid needs besides the plan.

    worker: socket of the process from which all runs on this node are forked. digests: of the data that every node must
    have. tracked: the grid's run.
    """

    jobs: int
    worker: str
    need: capacity.Needs
    defaults: tuple[str, ...]
    environment: dict[str, str]
    digests: list[tuple[dict, dict]]
    tracked: object
    prune: bool


@dataclass
class Progress:
    """The progress of a run. status: waiting, running, finished, pruned, failed or stopped."""

    run: Run
    state: State
    status: str = "waiting"
    tries: int = 0
    losses: int = 0
    host: str = ""
    reason: str = ""  # why it failed, in a few lines
    started: float = 0.0
    pruned: bool = False
    lock: object = None  # see `hold`

    def begin(self, about: dict, log: Path, settings: Settings) -> Job:
        """The job with which a slot starts or resumes this run. `about` describes the slot, see `Slot.about`."""
        folder, far = self.state.folder, about["far"]
        with log.open("a") as file:
            file.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} on {about['host']}: {self.run.label}\n")
        options = self.run.options | {"run_name": self.run.run_name, "resume": str(folder) if folder else None}
        options["offline"] |= not far  # the driver has downloaded the data
        files = tuple(run_folders.changes(folder, {})) if folder and far else ()
        if folder and far:
            self.hold()
        self.status, self.host, self.tries, self.started = "running", about["host"], self.tries + 1, time.monotonic()
        return Job(options, settings.defaults, str(log), settings.environment, files)

    def receive(self, plan: Plan, changes: list) -> None:
        """Copies the files of a run on another node into the driver's folders."""
        runs = plan.folder.parent
        for name, offset, content in changes:
            folder, _, rest = name.partition("/")
            if not rest:
                run_folders.apply(plan.folder / "logs", [(f"{self.run.index:03}.far.log", offset, content)])
                continue
            self.state = dataclasses.replace(self.state, folder=runs / folder)
            run_folders.apply(runs / folder, [(rest, offset, content)])
            self.hold()

    def hold(self) -> None:
        """Keeps `sync` from ending a run that another node is writing."""
        if self.lock is None and tracking.begun(self.state.folder):
            self.lock = run_lock.alive_lock(self.state.folder)
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
    """Waits for a run whose driver was killed, which ends a moment later."""
    deadline = time.monotonic() + seconds
    while run_lock.is_alive(folder) and time.monotonic() < deadline:
        time.sleep(0.2)
