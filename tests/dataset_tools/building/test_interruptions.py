"""A build may be interrupted or killed at any moment. As in a terminal, all processes of the build get the signal."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..helpers import ROOT, contents, wait_for


def start_build(output, naoth, *more):
    """Starts a build with two workers in a process group of its own, as a terminal does."""
    command = [sys.executable, "-m", "dataset_tools.ball_classification_datasets.create_datasets", "--naoth", naoth]
    command += ["--origins", "naoth", "--jobs", "2", "--output-dir", output, *more]
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_build_leaves_nothing_behind(tmp_path, naoth, number, status):
    process = start_build(tmp_path / "out", naoth)
    wait_for(lambda: list(tmp_path.glob("out/classification/.build-*")), process)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert err.strip().endswith("interrupted")
    assert "Traceback" not in err
    assert not list((tmp_path / "out").rglob("*.h5"))
    assert not list((tmp_path / "out").rglob(".build-*"))


def test_ctrl_c_during_the_imports_gives_one_line(tmp_path, naoth):
    process = start_build(tmp_path / "out", naoth)

    def server_is_there():
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return any("forkserver" in Path(f"/proc/{child}/cmdline").read_text() for child in children)

    wait_for(server_is_there, process)
    os.killpg(process.pid, signal.SIGINT)  # the signal also reaches the fork server, which is still importing modules
    assert process.communicate(timeout=60) == ("", "interrupted\n")
    assert process.returncode == 130


def test_a_killed_build_leaves_the_previous_files_and_no_processes(tmp_path, naoth, build):
    assert build("classification", "--origins", "naoth") == 0
    before = contents(tmp_path / "out")
    process = start_build(tmp_path / "out", naoth, "--seed", "1")
    wait_for(lambda: any(path.stat().st_size for path in tmp_path.glob("out/classification/.build-*/16.u8")), process)
    process.kill()
    # communicate() returns after all processes that hold the pipe have ended, including workers
    process.communicate(timeout=60)
    after = contents(tmp_path / "out")
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if name.endswith(".h5") and name not in before and ".build-" not in name]
