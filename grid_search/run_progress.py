"""The progress of a run of a grid, as the driver sees it."""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from common import tracking
from common.tracking import run_lock
from grid_search import run_folders
from grid_search.plan import Plan, Run
from grid_search.run_folders import State


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

    def begin(self, host: str, far: bool, log: Path) -> tuple[dict, str, tuple]:
        """The arguments of `Slot.train` with which a slot on this host, or on another node, starts or resumes it."""
        folder = self.state.folder
        with log.open("a") as file:
            file.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} on {host}: {self.run.label}\n")
        options = self.run.options | {"run_name": self.run.run_name, "resume": str(folder) if folder else None}
        options["offline"] |= not far  # the driver has downloaded the data
        files = tuple(run_folders.changes(folder, {})) if folder and far else ()
        if folder and far:
            self.hold()
        self.status, self.host, self.tries, self.started = "running", host, self.tries + 1, time.monotonic()
        return options, str(log), files

    def receive(self, plan: Plan, changes: list) -> None:
        """Copies the files of a run on another node into the driver's folders."""
        for name, offset, content in changes:
            folder, _, rest = name.partition("/")
            if not rest:
                run_folders.apply(plan.folder / "logs", [(f"{self.run.index:03}.far.log", offset, content)])
                continue
            self.state = dataclasses.replace(self.state, folder=plan.folder.parent / folder)
            run_folders.apply(self.state.folder, [(rest, offset, content)])
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

    def wait_for_writer(self, seconds: float) -> None:
        """Waits for the process of a run whose driver or slot was killed; it ends a moment later."""
        deadline = time.monotonic() + seconds
        while self.state.folder and run_lock.is_alive(self.state.folder) and time.monotonic() < deadline:
            time.sleep(0.2)
