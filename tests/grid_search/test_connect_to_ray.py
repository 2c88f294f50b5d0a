"""Tests two private clusters at the same time, and a grid on two nodes (network namespaces), one of which is killed."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from common.errors import UserError
from grid_search import connect_to_ray

from ..tiny import ROOT
from .grids import Grid, wait_until

HEAD, OTHER = "10.77.31.1", "10.77.31.2"
PORT = "6391"
RAY = str(Path(sys.executable).with_name("ray"))


def test_a_grid_does_not_end_the_processes_of_another(tmp_path, monkeypatch):
    """Runs the same command for two output folders; the second grid must not kill the Ray processes of the first."""
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        one, other = (tmp_path / runs / "grid_small_training_12345678" for runs in ("one", "other"))
        command = [sys.executable, "-c", "input()", f"{connect_to_ray._folder(one)}/session_1"]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as of_one:
            while b"session_1" not in Path(f"/proc/{of_one.pid}/cmdline").read_bytes():
                time.sleep(0.01)
            connect_to_ray._folder(other)
            with pytest.raises(subprocess.TimeoutExpired):
                of_one.wait(1)
            connect_to_ray._folder(one)
            assert of_one.wait(60) == -signal.SIGKILL


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_ray_starts_ends_the_grid_with_one_line(number, status, tmp_path):
    program = f"""
        import sys, time
        from pathlib import Path
        from common.cli.program import run_main
        from grid_search import ray_environment
        ray_environment.prepare("local")
        from grid_search.connect_to_ray import connected
        def main():
            print("starts", flush=True)
            with connected("local", Path({str(tmp_path / "grid")!r})):
                time.sleep(60)
        sys.exit(run_main(main))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as grid:
        assert grid.stdout.readline() == "starts\n"
        time.sleep(1)
        grid.send_signal(number)
        _, errors = grid.communicate(timeout=120)
    assert (grid.returncode, errors) == (status, "interrupted\n")


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def namespaces():
    """Creates two network namespaces that are connected only to each other; yields their names."""
    names = [f"ball{os.getpid()}{side}" for side in "ab"]
    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", "veth", "netns", names[0], "type", "veth", "peer", "name", "veth", "netns", names[1])
        for name, address in zip(names, (HEAD, OTHER), strict=True):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "veth")
            for device in ("lo", "veth"):
                ip("-n", name, "link", "set", device, "up")
    except (OSError, subprocess.CalledProcessError) as error:
        _remove(names)
        pytest.skip(f"network namespaces need root: {error}")
    yield names
    _remove(names)


def _remove(names):
    for name in names:
        _kill_all(name)
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _kill_all(name):
    found = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False).stdout.split()
    for pid in found:
        subprocess.run(["kill", "-9", pid], capture_output=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_grid_completes_even_if_one_of_two_nodes_is_killed(tmp_path, namespaces):
    grid = Grid(
        tmp_path, "--seed", *map(str, range(6)), "--epochs", "40", "--delay", "0.5", "--address", f"{HEAD}:{PORT}"
    )
    ray_folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    grid.environment |= {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
    }

    started = []
    status = ["ip", "netns", "exec", namespaces[0], RAY, "status", "--address", f"{HEAD}:{PORT}"]

    def live():
        told = subprocess.run(status, env=grid.environment, capture_output=True, text=True, check=False).stdout
        return told.count("node_")

    def start(name, *arguments):
        """Starts a node, with up to three tries, because Ray waits only 15 s, which is too short on a busy machine."""
        command = ["ip", "netns", "exec", name, RAY, "start", "--block", "--num-cpus", "1", *arguments]
        before = live()
        for _ in range(3):
            with (tmp_path / f"{name}.log").open("w") as log:
                node = subprocess.Popen(command, env=grid.environment, stdout=log, stderr=log, start_new_session=True)
            started.append(node)
            while node.poll() is None and live() == before:
                time.sleep(0.5)
            if node.poll() is None:
                return
            _kill_all(name)
        raise AssertionError((tmp_path / f"{name}.log").read_text()[-500:])

    try:
        start(namespaces[0], "--head", "--node-ip-address", HEAD, "--port", PORT, "--include-dashboard=false",
              "--temp-dir", str(ray_folder))  # fmt: skip
        start(namespaces[1], "--address", f"{HEAD}:{PORT}", "--node-ip-address", OTHER)
        driver = grid.start(prefix=("ip", "netns", "exec", namespaces[0]))
        wait_until(lambda: any(_epochs(path) >= 4 for path in _far(grid)), driver)
        near = [path for path in grid.run_folders() if path not in _far(grid)]
        assert near  # both nodes work
        _kill_all(namespaces[1])
        killed = time.monotonic()
        assert driver.wait(1200) == 0
        print(f"{time.monotonic() - killed:.0f} s from the death of the node to the end of the grid")
    finally:
        for name in namespaces:
            _kill_all(name)
        for node in started:
            node.wait()
        shutil.rmtree(ray_folder, ignore_errors=True)
    said = grid.said()
    assert "its node" in said  # followed by "does not answer" or "is gone"
    assert "raylet" not in said
    assert "resumes after epoch" in said
    grid.check_complete(6, epochs=40)


def _far(grid) -> list[Path]:
    """Finds the runs that train on the other node: the driver has copied their logs, named *.far.log."""
    numbers = (
        {path.name.partition(".")[0] for path in grid.folder.glob("logs/*.far.log")} if grid.runs.exists() else set()
    )
    return [path for path in grid.run_folders() if any(path.name.endswith(f"-{number}") for number in numbers)]


def _epochs(path: Path) -> int:
    try:
        return len((path / "metrics.csv").read_text().splitlines()) - 1
    except OSError:
        return 0


def test_sockets_get_a_short_path_even_if_the_temporary_folder_has_a_long_one(tmp_path, monkeypatch):
    """For example, macOS's temporary folder has a long path: /var/folders and 40 more characters."""
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    assert connect_to_ray.short_folder(60) == Path("/tmp")
    monkeypatch.setenv("RAY_TMPDIR", str(long))
    with pytest.raises(UserError, match="Choose a shorter one: RAY_TMPDIR"):
        connect_to_ray.short_folder(60)
