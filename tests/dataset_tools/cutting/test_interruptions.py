"""Cutting that is interrupted, killed or out of room: nothing is lost, nothing half-written, one line says so."""

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
    for index, name in enumerate(NAMES):  # a byte more each, so that none is there twice
        (folder / name).write_bytes((folder / f"game0-{index % 4:03d}.png").read_bytes() + b" " * (index > 3) * index)
    return folder


@pytest.fixture
def started(tmp_path, source):
    """A run that has written a part of its first archive, over archives that are there already."""
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
def test_an_interrupted_run_leaves_what_was_there(started, number, status):
    process, out, before = started
    os.killpg(process.pid, number)
    told, err = process.communicate(timeout=60)
    assert (process.returncode, told) == (status, "")
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert contents(out) == before


def test_the_next_run_removes_what_a_killed_one_left(started, source):
    process, out, before = started
    process.kill()
    process.communicate(timeout=60)  # ends when the last process that holds the pipe has gone, so the workers too
    after = contents(out)
    assert {name: after[name] for name in before} == before
    assert [name for name in after if name.startswith(".cut-")]
    assert cut.main([str(source), "--output", str(out), "--replace", "--every", "50"]) == 0
    assert not list(out.glob(".*"))


def test_a_full_disk_is_one_line_and_changes_nothing(tmp_path, source, capsys):
    command = [str(source), "--output", str(tmp_path), "--jobs", "1"]
    assert cut.main([*command, "--every", "50"]) == 0
    before, limits = contents(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))  # the kernel refuses more, like a full disk
    try:
        assert run_main(lambda: cut.main([*command, "--replace"])) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: ")
    assert line.endswith("Check room and rights, or choose another --output.")
    assert contents(tmp_path) == before
