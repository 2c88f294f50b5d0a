"""Keeps track of the progress of a run: what its folder shows, and what the driver knows."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from common import tracking
from common.atomic_files import read_json
from common.errors import UserError
from common.runs.finished import is_finished
from common.tracking import writer_lock
from grid_search import run_folders
from grid_search.plan import Plan, Run


@dataclass
class Progress:
    """The progress of a run.

    status: waiting, running, finished, pruned, failed or stopped. rows: the metrics of each epoch. epochs: the planned
    number of epochs. model: the content of model.json, or {}. reason: why the run failed, in a few words.
    """

    run: Run
    status: str = "waiting"
    folder: Path | None = None
    rows: list[dict[str, float]] = field(default_factory=list)
    epochs: int = 0
    model: dict = field(default_factory=dict)
    tries: int = 0
    losses: int = 0
    host: str = ""
    reason: str = ""
    started: float = 0.0
    pruned: bool = False
    lock: object = None  # see `hold`

    @classmethod
    def on_disk(cls, plan: Plan, run: Run) -> "Progress":
        """Reads the state of a run from its folder: waiting, running, stopped or finished."""
        progress = cls(run)
        progress.read(plan)
        if progress.folder:
            begun = "running" if writer_lock.is_alive(progress.folder) else "stopped"
            progress.status = "finished" if is_finished(progress.folder) else begun
        return progress

    def read(self, plan: Plan) -> None:
        """Reads the metrics in the folder, even while the run writes them."""
        self.folder = self.folder or run_folders.find_folder(plan, self.run)
        if self.folder:
            self.rows, self.model = run_folders.read_rows(self.folder), _read_json(self.folder / "model.json")
            options = _read_json(self.folder / "config.json").get("options")
            epochs = options.get("epochs") if isinstance(options, dict) else 0
            self.epochs = epochs if type(epochs) is int else 0

    def best(self, metric: str) -> float | None:
        """Returns the metric of the best epoch, which has the lowest val_loss."""
        kept = min((row for row in self.rows if "val_loss" in row), key=lambda row: row["val_loss"], default={})
        return kept.get(metric)

    def begin(self, host: str, far: bool, log: Path) -> tuple[dict, str, tuple]:
        """Returns the arguments of `Slot.train` that start or resume this run. far: the slot is on another node."""
        with log.open("a") as file:
            file.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} on {host}: {self.run.label}\n")
        resume = str(self.folder) if self.folder else None
        options = self.run.options | {"run_name": self.run.run_name, "resume": resume}
        options["offline"] |= not far  # the driver has already downloaded the data to its node
        files = tuple(run_folders.changes(self.folder, {})) if resume and far else ()
        if resume and far:
            self.hold()
        self.status, self.host, self.tries, self.started = "running", host, self.tries + 1, time.monotonic()
        return options, str(log), files

    def receive(self, plan: Plan, changes: list) -> None:
        """Copies the changed files of a run that trains on another node into the driver's folders."""
        for name, offset, content in changes:
            folder, _, rest = name.partition("/")
            if not rest:
                run_folders.apply(plan.folder / "logs", [(f"{self.run.index:03}.far.log", offset, content)])
                continue
            self.folder = plan.folder.parent / folder
            run_folders.apply(self.folder, [(rest, offset, content)])
            self.hold()

    def hold(self) -> None:
        """Locks the folder, so that `sync` does not end a run that is training on another node."""
        if self.lock is None and tracking.begun(self.folder):
            self.lock = writer_lock.alive_lock(self.folder)
            self.lock.acquire(timeout=5)

    def let_go(self) -> None:
        """Undoes `hold`."""
        if self.lock is not None:
            self.lock.release()
            self.lock = None

    def wait_for_writer(self, seconds: float) -> None:
        """Waits until the process of a run ends, which takes a moment after its driver or slot was killed."""
        deadline = time.monotonic() + seconds
        while self.folder and writer_lock.is_alive(self.folder) and time.monotonic() < deadline:
            time.sleep(0.2)


def _read_json(path: Path) -> dict:
    try:
        return read_json(path)
    except UserError:
        return {}
