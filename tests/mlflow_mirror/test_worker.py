"""Tests the process that sends all runs of a grid."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from common import tracking
from common.cli import launch
from common.tracking import journal, journal_writer, server_state
from common.tracking.mirror_process import MirrorProcess
from common.tracking.server_choice import choose_server, uri_of
from mlflow_mirror import sync_and_status
from mlflow_mirror.mlflow_settings import prepare
from mlflow_mirror.send_run import Sender
from mlflow_mirror.worker import Carrier

from ..common.tracking.fault_proxy import wait_until
from ..common.tracking.mlflow_server import differences
from ..common.tracking.small_runs import parent_of
from ..tiny import ROOT

TARGET = "local:../mlflow.db"
DRIVER = """
import sys
from pathlib import Path
from common import tracking
grid = tracking.start(Path(sys.argv[1]), tracking.choose_server("local", Path(sys.argv[1]).parent),
                      tracking.RunInfo("grids", "grid"))
grid.mirror.carry(Path(sys.argv[2]))
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def as_in_the_mirror():
    prepare()


@pytest.fixture
def start_child(tmp_path, monkeypatch):
    """Returns a function that starts a run as a grid does: the grid's process sends the run."""

    def start_child(name: str, parent: str | None = None):
        info = tracking.RunInfo("grids", name, parent=parent)
        with monkeypatch.context() as patch:
            if not parent:
                patch.setattr(MirrorProcess, "start", lambda self: None)
            return tracking.start(tmp_path / name, choose_server("local", tmp_path), info)

    return start_child


def start_grid(tmp_path):
    return tracking.start(tmp_path / "grid", choose_server("local", tmp_path), tracking.RunInfo("grids", "grid"))


def client(tmp_path):
    from mlflow.tracking import MlflowClient

    return MlflowClient(choose_server("local", tmp_path).uri)


def hold(run):
    """Acquires the lock of this run, so that no other process can send it."""
    path = server_state.mark_path(run, TARGET).with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path).acquire()


def test_a_run_is_placed_below_its_grid_even_if_the_run_arrives_first(tmp_path, start_child):
    """On a busy machine, a run of one second may be sent completely before the grid's own run exists on the server."""
    with hold(tmp_path / "grid"):
        grid = start_grid(tmp_path)
        child = start_child("child", grid.uuid)
        child.finish()
        grid.mirror.carry(child.folder)
        wait_until(lambda: server_state.load(child.folder, TARGET).status == "FINISHED", 120)
        time.sleep(2)  # by then, the worker has checked again, and the grid's run is still missing
    assert grid.finish() == f"Tracked: {tmp_path}/mlflow.db"
    assert parent_of(child.folder, TARGET) == server_state.load(grid.folder, TARGET).run_id
    assert differences(child.folder, TARGET) == []


def test_a_run_that_could_not_be_sent_is_tried_again_even_if_the_next_run_was_sent(start_child):
    """The store lost the first run; the first step detects the loss, and the second step sends the run again."""
    first, second = start_child("first"), start_child("second")
    for run in (first, second):
        run.finish()
    server_state.save(first.folder, server_state.Mark(TARGET, run_id="0" * 32))
    carrier = Carrier(uri_of(first.folder, TARGET))
    carrier.jobs += [(first.folder, TARGET), (second.folder, TARGET)]
    assert list(carrier.round()) == [first.folder]
    assert carrier.finish() == {}
    assert differences(first.folder, TARGET) == differences(second.folder, TARGET) == []


def test_both_targets_of_a_run_get_a_mark_even_if_they_are_the_same_store(tmp_path, start_child):
    run = start_child("run")
    run.finish()
    other = f"local:../../{tmp_path.name}/mlflow.db"  # the store's path before its folder was moved and moved back
    carrier = Carrier(uri_of(run.folder, TARGET))
    carrier.jobs += [(run.folder, TARGET), (run.folder, other)]
    assert carrier.finish() == {}
    assert [server_state.load(run.folder, target).status for target in (TARGET, other)] == ["FINISHED"] * 2


def test_the_worker_waits_only_once_for_a_run_that_another_process_sends(start_child, monkeypatch):
    run = start_child("run")
    run.finish()
    run._alive.release()  # as happens when the run's process ends
    waits, acquire = [], FileLock.acquire

    def noted(self, timeout=None):
        if Path(self.lock_file).parent.name == "servers":
            waits.append(timeout)
        return acquire(self, timeout)

    monkeypatch.setattr(FileLock, "acquire", noted)
    carrier = Carrier(uri_of(run.folder, TARGET), patience=0.2)
    carrier.jobs.append((run.folder, TARGET))
    with hold(run.folder):
        waits.clear()
        assert list(carrier.finish()) == [run.folder]
    assert waits[0] == 0.2
    assert set(waits[1:]) == {0}


def test_a_run_whose_folder_was_removed_does_not_hold_up_the_others(tmp_path, start_child):
    removed, other = start_child("removed"), start_child("other")
    carrier = Carrier(uri_of(other.folder, TARGET))
    carrier.jobs += [(removed.folder, TARGET), (other.folder, TARGET)]
    shutil.rmtree(removed.folder)
    assert carrier.round() == {}
    other.finish()
    assert carrier.finish() == {}
    assert not journal_writer.repair(removed.folder)
    assert not removed.folder.exists()  # an empty folder would block `sync`
    assert differences(other.folder, TARGET) == []


def test_the_end_of_a_grid_says_which_of_its_runs_were_not_sent(tmp_path, start_child):
    grid = start_grid(tmp_path)
    sent, held = start_child("sent", grid.uuid), start_child("held", grid.uuid)
    with hold(held.folder):
        for run in (sent, held):
            run.metrics({"loss": 1.0}, step=0)
            run.finish()
            grid.mirror.carry(run.folder)
        line = grid.finish()
    assert line.startswith(f"Not yet on {tmp_path}/mlflow.db: 1 of its 2 runs. Send the rest with: ")
    assert line.endswith(f"mlflow_mirror sync {launch.shortest(grid.folder)}")


def test_the_name_of_a_grid_selects_only_the_grid_and_its_runs(tmp_path, no_mirror, start_child):
    grid = start_grid(tmp_path)
    own, other = start_child("own", grid.uuid), start_child("other")
    for run in (grid, own, other):
        run.finish()
    assert sync_and_status.find_runs([grid.folder, grid.folder], tmp_path) == [grid.folder, own.folder]
    assert sync_and_status.find_runs([other.folder], tmp_path) == [other.folder]


def test_the_runs_of_a_killed_grid_get_the_status_killed(tmp_path, start_child):
    """The runs end a second or two after the grid's driver; the process that sends the runs waits for them to end."""
    child = start_child("child")
    command = [sys.executable, "-c", DRIVER, str(tmp_path / "grid"), str(child.folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as driver:
        wait_until(lambda: server_state.load(child.folder, TARGET).status == "RUNNING", 300)
        driver.kill()
    time.sleep(2)
    child._alive.release()  # as happens when the run's process ends
    for run in (tmp_path / "grid", child.folder):
        wait_until(lambda run=run: server_state.load(run, TARGET).status == "KILLED", 120)
        assert differences(run, TARGET) == []


def test_a_run_is_complete_even_if_somebody_deleted_its_grid(tmp_path, no_mirror, start_child):
    grid = start_child("grid")
    assert Sender(grid.folder, TARGET).step() is None
    client(tmp_path).delete_run(server_state.load(grid.folder, TARGET).run_id)
    child = start_child("child", grid.uuid)
    child.finish()
    assert sync_and_status.sync([child.folder], tmp_path) == 0
    assert differences(child.folder, TARGET) == []


def test_a_run_below_a_duplicate_of_its_grid_is_moved_below_the_original(tmp_path, no_mirror, start_child):
    """If a server executes a request after the client has given up, it creates the grid's run a second time."""
    grid = start_child("grid")
    sender = Sender(grid.folder, TARGET)
    assert sender.step() is None
    mark, head = server_state.load(grid.folder, TARGET), journal.header(grid.folder)
    double = client(tmp_path).create_run(mark.experiment_id, head["t"] - 1, {"run.uuid": head["uuid"]}).info.run_id
    child = start_child("child", grid.uuid)
    child.finish()
    assert Sender(child.folder, TARGET).step() is None
    assert parent_of(child.folder, TARGET) == double
    grid.finish()
    assert sender.step() is None
    assert parent_of(child.folder, TARGET) == mark.run_id
    assert differences(grid.folder, TARGET) == []
