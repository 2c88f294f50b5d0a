"""If cutting is interrupted or killed, or if the disk is full, no archive is lost and no partial file is left."""

import os
import resource
import signal
import subprocess
import sys

import pytest

from common.cli.program import run_main
from dataset_tools import cut
from tests.dataset_tools.annotations import scenes
from tests.dataset_tools.helpers import ROOT, contents, wait_for

NAMES = {f"game{index // 200}-{index:03d}.png": [(scenes.BALL, 100, 80, 130, 110)] for index in range(600)}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "pictures"
    scenes.yolo(scenes.write_pictures(folder, dict.fromkeys(list(NAMES)[:4], NAMES["game0-000.png"])), NAMES)
    for index, name in enumerate(NAMES):  # each file is one byte longer than the one before, so that all files differ
        (folder / name).write_bytes((folder / f"game0-{index % 4:03d}.png").read_bytes() + b" " * (index > 3) * index)
    return folder


@pytest.fixture
def started(tmp_path, source):
    """Starts a run that replaces existing archives, and waits until it has written part of its first archive."""
    out = tmp_path / "out"
    few = scenes.yolo(
        scenes.write_pictures(tmp_path / "pictures", {"game0-1.png": NAMES["game0-000.png"]}), {"game0-1.png": []}
    )
    assert cut.main([str(few), "--output", str(out), "--empty-is-negative"]) == 0
    before = contents(out)
    assert before
    command = [sys.executable, "-m", "dataset_tools.cut", source, "--output", out, "--replace", "--jobs", "2"]
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes)
    wait_for(lambda: any(path.stat().st_size for path in out.glob(".cut-*/top/*.zip")), process)
    return process, out, before


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_keeps_the_existing_archives(started, number, status):
    process, out, before = started
    os.killpg(process.pid, number)
    told, err = process.communicate(timeout=60)
    assert (process.returncode, told) == (status, "")
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert contents(out) == before


def test_the_next_run_removes_the_leftovers_of_a_killed_one(started, source):
    process, out, before = started
    process.kill()
    # communicate() returns after all processes that hold the pipe have ended, including workers
    process.communicate(timeout=60)
    after = contents(out)
    assert {name: after[name] for name in before} == before
    assert [name for name in after if name.startswith(".cut-")]
    assert cut.main([str(source), "--output", str(out), "--replace", "--every", "50"]) == 0
    assert not list(out.glob(".*"))


def test_a_full_disk_gives_a_one_line_error_and_changes_nothing(tmp_path, source, capsys):
    command = [str(source), "--output", str(tmp_path), "--jobs", "1"]
    assert cut.main([*command, "--every", "50"]) == 0
    before, limits = contents(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))  # acts like a full disk for files above 200 kB
    try:
        assert run_main(lambda: cut.main([*command, "--replace"])) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: ")
    assert line.endswith("Check free space and permissions, or choose another --output.")
    assert contents(tmp_path) == before
