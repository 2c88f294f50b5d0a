"""Checks on real Ray clusters that a run that fails, is killed or falls behind does not affect the others."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from .grids import Grid, descendants, half_done, processes, wait_until, wait_until_gone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runs are forked")
MANY = ("--learning-rate", *(f"0.0{i}" for i in range(1, 9)), "--seed", *map(str, range(8)), "--epochs", "5")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_grid_resumes_after_its_driver_was_killed_in_the_middle_of_64_runs(tmp_path):
    grid = Grid(tmp_path, *MANY, "--delay", "0.5")
    driver = grid.start()
    wait_until(lambda: grid.finished() >= 10, driver)
    wait_until(lambda: half_done(grid), driver)
    running = descendants(driver.pid)
    driver.kill()
    driver.wait()
    assert any("grid_search.fork_server" in command for command in running.values())
    wait_until_gone(running)
    assert grid.run() == 0
    assert "resumes after epoch" in grid.said()
    grid.check_complete(64, epochs=5)
    assert grid.run() == 0  # the third time, the grid has nothing left to do
    grid.check_complete(64, epochs=5)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["training", "parent", "slot"])
def test_a_grid_completes_even_if_a_process_is_killed(tmp_path, victim):
    grid = Grid(tmp_path, "--seed", "0", "1", "2", "3", "--epochs", "20", "--delay", "0.5")
    driver = grid.start()
    wait_until(lambda: half_done(grid), driver)
    for pid in processes(driver.pid, victim):
        os.kill(pid, signal.SIGKILL)
    assert driver.wait(900) == 0
    assert "will be tried again" in grid.said()
    assert "resumes after epoch" in grid.said()
    grid.check_complete(4, epochs=20)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("victim", "epochs"),
    [("raylet/raylet", 20), ("gcs/gcs_server", 200), ("", 20)],
    ids=["raylet", "gcs", "all of it"],
)
def test_a_grid_resumes_after_ray_was_killed(tmp_path, victim, epochs):
    """One case kills the whole process tree, as a reboot does. The same command resumes the grid.

    Without the head process, Ray and the runs continue for a minute, long enough for 120 epochs.
    """
    grid = Grid(tmp_path, "--seed", "0", "1", "2", "3", "--epochs", str(epochs), "--delay", "0.5")
    driver = grid.start()
    wait_until(lambda: half_done(grid), driver)
    running = descendants(driver.pid)
    for pid in [pid for pid, command in running.items() if victim in command]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if not victim:
        driver.kill()
    status = driver.wait(900)
    wait_until_gone(running)
    if status:
        assert grid.run() == 0
    assert "resumes after epoch" in grid.said()
    assert "Traceback" not in grid.said()
    grid.check_complete(4, epochs=epochs)


@pytest.mark.slow
def test_a_run_that_kills_its_process_is_reported_and_the_others_continue(tmp_path):
    grid = Grid(tmp_path, "--trouble", "none", "killed", "--seed", "0", "1", "--epochs", "3")
    assert grid.run() == 1
    assert [row["status"] for row in grid.rows()].count("finished") == 2
    assert "killed by signal 9" in grid.said()


@pytest.mark.slow
def test_a_run_whose_disk_is_full_is_reported_and_the_others_finish(tmp_path):
    """A run on a full file system is reported, and the other runs finish.

    When there is space again, the same command finishes the reported run.
    """
    grid = Grid(tmp_path, "--seed", "0", "1", "2", "--epochs", "15", "--delay", "0.5", "--jobs", "1")
    driver = grid.start()
    wait_until(lambda: half_done(grid), driver)
    (full,) = grid.run_folders()
    (run,) = processes(driver.pid, "training")
    os.kill(run, signal.SIGSTOP)
    shutil.copytree(full, tmp_path / "copy")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(full)], capture_output=True)
    try:
        if mounted.returncode:
            os.kill(run, signal.SIGCONT)
            driver.terminate()
            driver.wait(300)
            pytest.skip("mounting needs root")
        shutil.copytree(tmp_path / "copy", full, dirs_exist_ok=True)
        with suppress(OSError), (full / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 512)
        os.kill(run, signal.SIGCONT)
        assert driver.wait(900) == 1
        assert sorted(row["status"] for row in grid.rows()) == ["failed", "finished", "finished"]
        assert "will be tried again" in grid.said()
        assert "No space left on device" in grid.said()
        (full / "filler").unlink()
        assert grid.run() == 0
        grid.check_complete(3, epochs=15)
    finally:
        subprocess.run(["umount", "--lazy", str(full)], capture_output=True, check=False)


@pytest.mark.slow
def test_pruning_stops_the_losers_and_remembers_them(tmp_path):
    grid = Grid(tmp_path, "--learning-rate", "0.05", "0.0001", "0.00001", "--prune", "--jobs", "1", "--delay", "0.5",
                "--epochs", "16")  # fmt: skip
    assert grid.run() == 0
    rows = {row["learning-rate"]: row for row in grid.rows()}
    assert {name: row["status"] for name, row in rows.items()} == {
        "0.05": "finished",
        "0.0001": "pruned",
        "0.00001": "pruned",
    }
    assert int(rows["0.0001"]["epochs"]) < 16
    assert grid.run() == 0
    assert json.loads((grid.folder / "plan.json").read_text())["runs"][1]["varies"] == {"learning-rate": "0.0001"}
    assert {row["learning-rate"]: row["epochs"] for row in grid.rows()}["0.0001"] == rows["0.0001"]["epochs"]
