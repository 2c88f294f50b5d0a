"""Starts grids as a user would, on real Ray clusters, and checks their results."""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from common.runs.finished import is_finished
from grid_search.run_folders import read_rows

from ..tiny import ROOT, classification_file, environment, program, tracked_runs

HERE = Path(__file__).resolve().parent


class Grid:
    """A grid that trains with small_training.py and has a folder of its own."""

    def __init__(self, folder: Path, *arguments: str, module: str = "small_training"):
        self.runs = folder / "runs"
        train = classification_file(folder / "train.h5", 200, seed=1)
        validation = classification_file(folder / "val.h5", 100, seed=2)
        files = ["--data-train", train, "--data-val", validation, "--output-dir", self.runs, "--tracking", "local"]
        self.arguments = [module, *arguments, "--", *map(str, files)]
        self.environment = environment() | {
            "PYTHONPATH": os.pathsep.join([str(HERE), str(ROOT)]),
            "RAY_TMPDIR": str(_short(self, folder)),
        }

    def start(self, *before: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen:
        """Starts the grid's command in a new process group; both output streams go to the same file."""
        self.log = self.runs.parent / "driver.log"
        with self.log.open("a") as log:
            return subprocess.Popen(
                [*prefix, sys.executable, "-m", "grid_search", *before, *self.arguments],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def run(self, *before: str) -> int:
        """Runs the grid until it ends; returns its exit status."""
        return self.start(*before).wait(1800)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def folder(self) -> Path:
        (folder,) = self.runs.glob("grid_*")
        return folder

    def run_folders(self) -> list[Path]:
        return sorted(path.parent for path in self.runs.glob("*/config.json"))

    def finished(self) -> int:
        return sum(is_finished(path) for path in self.run_folders())

    def rows(self) -> list[dict[str, str]]:
        with (self.folder / "grid.csv").open() as file:
            return list(csv.DictReader(file))

    def tracked(self, experiment: str = "small_training"):
        """Returns the grid's run and its child runs from the local store."""
        # On a busy machine, the grid does not wait until everything is sent, but prints a command to send the rest.
        if f"Not yet on {self.runs}" in self.said():
            assert program("mlflow_mirror", "sync", "--to", "local", "--output-dir", self.runs).returncode == 0
        _, runs = tracked_runs(self.runs, experiment)
        (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
        children = [run for run in runs if run is not parent]
        assert {run.data.tags["mlflow.parentRunId"] for run in children} <= {parent.info.run_id}
        return parent, children

    def check_complete(self, count: int, epochs: int) -> None:
        """Checks that no run is missing or duplicated, on disk and in MLflow."""
        assert self.finished() == len(self.run_folders()) == count
        parent, children = self.tracked()
        client, _ = tracked_runs(self.runs, "small_training")
        assert parent.info.status == "FINISHED"
        assert [run.info.status for run in children] == ["FINISHED"] * count
        assert len({run.info.run_name for run in children}) == count
        for run in children:
            points = client.get_metric_history(run.info.run_id, "validation/loss")
            assert sorted({point.step for point in points}) == list(range(1, epochs + 1))
        for path in self.run_folders():
            numbers = [line.split(",")[0] for line in (path / "metrics.csv").read_text().splitlines()[1:]]
            assert numbers == [str(epoch + 1) for epoch in range(epochs)]

    def names(self) -> list[str]:
        plan = json.loads((self.folder / "plan.json").read_text())
        return [run["run_name"] for run in plan["runs"]]


def wait_until(condition: Callable[[], bool], process: subprocess.Popen, seconds: float = 600) -> None:
    """Waits until a condition is true; fails if the process ends first."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the process ended first"
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def descendants(pid: int) -> dict[int, str]:
    """Returns {pid: command line} for all direct and indirect child processes."""
    parents, commands = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
            commands[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, ValueError, IndexError):
            continue
    found, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in found} - found
        found, grown = found | more, bool(more)
    return {child: commands[child] for child in found - {pid} if child in commands}


def half_done(grid: Grid) -> bool:
    """Returns whether a run has finished some of its epochs, but not all."""
    return any(2 <= len(read_rows(path)) <= 4 and not is_finished(path) for path in grid.run_folders())


def processes(driver: int, kind: str) -> list[int]:
    """Returns the pids of a grid's processes of one kind: `slot`, `worker`, `parent` (forks the runs) or `training`."""
    commands = descendants(driver)
    found = {"slot": [pid for pid, command in commands.items() if command.startswith("ray::Slot")]}
    found["worker"] = [pid for pid in children(driver) if "grid_search.fork_server" in commands.get(pid, "")]
    found["parent"] = [pid for worker in found["worker"] for pid in children(worker)]
    found["training"] = [pid for parent in found["parent"] for pid in children(parent)]
    return found[kind]


def children(pid: int) -> list[int]:
    """Returns the pids of a process's children."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, path.read_text().split())
    return found


def wait_until_gone(pids: Iterable[int], seconds: float = 240) -> None:
    """Waits until all processes of a grid have ended. Without a head node, Ray's agents continue for a minute."""
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if Path(f"/proc/{pid}/cmdline").exists() and _lives(pid)]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.2)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _short(grid: Grid, folder: Path) -> Path:
    """Returns a short path for Ray's sockets."""
    if len(str(folder)) <= 24:
        return folder
    short = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    weakref.finalize(grid, shutil.rmtree, short, ignore_errors=True)
    return short
