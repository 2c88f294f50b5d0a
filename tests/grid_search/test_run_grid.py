"""Runs, stops and resumes grids on real Ray clusters; the long tests are marked slow."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from common.tracking import journal, server_state
from common.tracking.server_state import missing
from grid_search.__main__ import main

from ..common.tracking.mlflow_server import MlflowServer, differences
from ..tiny import classification_file, program, tracked_runs
from .grids import HERE, Grid, descendants, half_done, processes, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runs are forked")


def test_a_grid_runs_to_the_end_and_its_report_can_be_written_again(tmp_path, capsys):
    """A run that fails is tried twice if the cause may be temporary; if not, it is tried once.

    The test runs as on macOS, where there is no /proc and every Unix socket is a file.
    """
    grid = Grid(tmp_path, "--trouble", "none", "bad-input", "disk", "--epochs", "4", "--jobs", "1")
    grid.environment["PYTHONPATH"] += os.pathsep + str(HERE / "mac")
    assert grid.run() == 1
    rows = {row["trouble"]: row for row in grid.rows()}
    assert {name: row["status"] for name, row in rows.items()} == {
        "none": "finished",
        "bad-input": "failed",
        "disk": "failed",
    }
    assert rows["none"]["epochs"] == "4"
    assert "The trouble is bad input." in rows["bad-input"]["reason"]
    assert "No space left on device" in rows["disk"]["reason"]
    logs = [path.read_text() for path in sorted((grid.folder / "logs").glob("*.log"))]
    assert [log.count("---") for log in logs] == [1, 1, 2]
    assert "will be tried again" in grid.said()
    assert "resumes after epoch 4" in grid.said()
    parent, children = grid.tracked()
    assert sorted(run.info.status for run in children) == ["FAILED", "FINISHED"]  # bad input creates no run
    client, _ = tracked_runs(grid.runs, "small_training")
    files = {item.path for item in client.list_artifacts(parent.info.run_id)}
    assert {"grid.csv", "grid.png", "ranking.txt", "plan.json"} <= files
    assert not list((tmp_path).glob("grid-*"))

    (grid.folder / "grid.csv").unlink()
    capsys.readouterr()
    assert main(["--report", "--output-dir", str(grid.runs)]) == 0
    assert "trouble none" in capsys.readouterr().out
    assert len(grid.rows()) == 3


def test_a_store_that_cannot_be_opened_is_reported_before_the_data_is_read(tmp_path):
    store = ("--tracking", f"sqlite:///{tmp_path}/nowhere/x.db")
    arrays = ("classifier_cnn.train", "--dense", "8", "16", "--output-dir", str(tmp_path / "runs"))
    with pytest.raises(UserError, match="The local store cannot be used"):
        main([*arrays, "--", *store, "--data-train", str(tmp_path / "missing.h5")])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_run_in_a_grid_is_the_same_as_on_the_command_line(tmp_path):
    """A run has the same weights, and the same metrics in every epoch, in a grid and on the command line."""
    grid = Grid(tmp_path, "--filters", "4", "--dense", "8", "16", "--epochs", "2", module="classifier_cnn.train")
    assert grid.run() == 0
    files = [
        "--data-train",
        tmp_path / "train.h5",
        "--data-val",
        tmp_path / "val.h5",
        "--output-dir",
        tmp_path / "alone",
    ]
    fixed = ["--filters", 4, "--dense", 8, "--epochs", 2, "--tracking", "local"]
    assert program("classifier_cnn.train", *fixed, *files).returncode == 0
    (alone,) = (path.parent for path in (tmp_path / "alone").glob("*/model.keras"))
    (inside,) = (path for path in grid.run_folders() if "-d8-" in path.name)

    def told(folder):
        lines = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
        keep = [i for i, name in enumerate(lines[0]) if name not in ("patches_per_second", "epoch_seconds")]
        with np.load(folder / "checkpoint.npz") as saved:
            state = [saved[name] for name in sorted(saved) if name != "history"]
        return [[line[i] for i in keep] for line in lines], state

    (numbers, state), (expected, expected_state) = told(inside), told(alone)
    assert numbers == expected
    assert all(np.array_equal(one, other) for one, other in zip(state, expected_state, strict=True))


@pytest.mark.slow
def test_a_worker_that_dies_while_slots_wait_for_it_is_replaced(tmp_path):
    grid = Grid(tmp_path, "--seed", "0", "1", "--epochs", "3")
    driver = grid.start()
    wait_until(lambda: processes(driver.pid, "worker"), driver)
    (worker,) = processes(driver.pid, "worker")
    name = Path(f"/proc/{worker}/cmdline").read_text().split("\0")[-2]
    wait_until(lambda: name in Path("/proc/net/unix").read_text(), driver)
    os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: len(processes(driver.pid, "slot")) == 2, driver)
    time.sleep(3)  # by then, both slots are connected to the fork server
    os.kill(worker, signal.SIGKILL)
    assert driver.wait(600) == 0
    grid.check_complete(2, epochs=3)


@pytest.mark.slow
def test_without_the_worker_the_active_runs_continue(tmp_path):
    """The fork server is killed; when a run is lost later, a new fork server is started."""
    grid = Grid(tmp_path, "--seed", "0", "1", "2", "3", "--epochs", "20", "--delay", "0.5")
    driver = grid.start()
    wait_until(lambda: half_done(grid), driver)
    (worker,) = processes(driver.pid, "worker")
    parents = processes(driver.pid, "parent")
    os.kill(worker, signal.SIGKILL)
    time.sleep(1)
    assert "will be tried again" not in grid.said()
    os.kill(parents[0], signal.SIGKILL)
    assert driver.wait(900) == 0
    assert "will be tried again" in grid.said()
    grid.check_complete(4, epochs=20)


@pytest.mark.slow
def test_stopping_and_resuming(tmp_path):
    grid = Grid(tmp_path, "--seed", "0", "1", "2", "--epochs", "30", "--delay", "0.3", "--jobs", "2")
    driver = grid.start()
    wait_until(lambda: len(list(grid.runs.glob("*/checkpoint.npz"))) == 2, driver)
    driver.send_signal(signal.SIGINT)
    assert driver.wait(300) == 130
    assert "run the same command again to resume" in grid.said()
    assert {journal.last_status(path)[0] for path in grid.run_folders()} == {"KILLED"}
    assert grid.run() == 0
    assert "resumes after epoch" in grid.said()
    grid.check_complete(3, epochs=30)
    parent, _ = grid.tracked()
    counts = {name: value for name, value in parent.data.metrics.items() if name.startswith("runs_")}
    assert {name: value for name, value in counts.items() if value} == {"runs_finished": 3.0}


@pytest.mark.slow
def test_a_grid_cannot_be_started_twice(tmp_path):
    grid = Grid(tmp_path, "--seed", "0", "1", "--epochs", "20", "--delay", "0.3")
    driver = grid.start()
    wait_until(lambda: bool(grid.run_folders()), driver)
    assert grid.run() == 2
    assert "This grid is already running" in grid.said()
    assert driver.wait(300) == 0
    grid.check_complete(2, epochs=20)


@pytest.mark.slow
def test_the_process_that_sends_the_runs_is_restarted_while_the_grid_runs(tmp_path):
    grid = Grid(tmp_path, "--seed", "0", "--epochs", "5000", "--delay", "0.5")
    driver = grid.start()
    wait_until(lambda: any(sent(path) for path in grid.run_folders()), driver)
    (mirror,) = [pid for pid, command in descendants(driver.pid).items() if "mlflow_mirror.beside_run" in command]
    os.kill(mirror, signal.SIGKILL)
    (run,) = grid.run_folders()
    before = sent(run)
    wait_until(lambda: sent(run) > before, driver, 240)
    driver.send_signal(signal.SIGINT)
    assert driver.wait(300) == 130


def sent(run: Path) -> int:
    """Returns how many bytes of a run's journal have been sent to the local store."""
    return server_state.load(run, "local:../mlflow.db").offset


@pytest.mark.slow
def test_without_a_server_nothing_is_lost(tmp_path):
    """If the team's server is unreachable, everything is kept on disk, and the same command sends it later."""
    server = MlflowServer(tmp_path / "server")
    server.kill()
    grid = Grid(tmp_path, "--seed", "0", "1", "--epochs", "2")
    grid.arguments[grid.arguments.index("local")] = server.url
    assert grid.run() == 0
    assert "not available" in grid.said()
    assert "and 2 of its 2 runs. Send the rest with: python3 mlflow_mirror sync " in grid.said()
    grid.check_complete(2, epochs=2)
    runs = [grid.folder, *grid.run_folders()]
    assert {tuple(journal.servers(path)) for path in runs} == {("local:../mlflow.db", server.url)}
    server.start()
    try:
        assert grid.run() == 0
        assert grid.said().splitlines()[-1].startswith(f"Tracked: {server.url}")
        assert [differences(path, server.url) for path in runs] == [[], [], []]
    finally:
        server.kill()


@pytest.mark.slow
def test_a_grid_that_is_stopped_before_its_runs_resume_says_whether_anything_is_unsent(tmp_path):
    server = MlflowServer(tmp_path / "server")
    server.kill()
    grid = Grid(tmp_path, "--seed", "0", "1", "--epochs", "5000", "--delay", "0.5")
    grid.arguments[grid.arguments.index("local")] = server.url
    driver = grid.start()
    wait_until(lambda: len(grid.run_folders()) == 2 and half_done(grid), driver)
    driver.send_signal(signal.SIGINT)
    assert driver.wait(300) == 130
    server.start()
    try:
        driver = grid.start()
        wait_until(lambda: journal.last_status(grid.folder)[0] == "RUNNING", driver)
        time.sleep(1)  # by then, the grid handles signals
        driver.send_signal(signal.SIGINT)
        assert driver.wait(300) == 130
        last = grid.said().splitlines()[-1]
        assert last.startswith("Tracked: ") is not any(missing(path, server.url) for path in grid.run_folders())
    finally:
        server.kill()


def test_missing_data_is_reported_before_anything_starts(tmp_path):
    classification_file(tmp_path / "a.h5", 100)
    ended = program(
        "grid_search", "classifier_cnn.train", "--dense", "8", "16", "--data-train", tmp_path / "a.h5", "--data-val",
        tmp_path / "none.h5", "--output-dir", tmp_path / "runs", "--tracking", "local",
    )  # fmt: skip
    assert ended.returncode == 2
    assert "none.h5" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()
