"""Builds that are interrupted or killed at any moment, as by a terminal: with a signal to all their processes."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dataset_tools.building.workers import workers
from dataset_tools.building.working_folder import working_folder

from ..helpers import ROOT, contents, wait_for


def start_build(output, naoth, *more):
    """Starts a build with two processes in its own process group, as a terminal does."""
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


def test_ctrl_c_just_after_the_working_folder_was_made_leaves_nothing_behind(tmp_path, monkeypatch):
    def make(*arguments, really=tempfile.mkdtemp):
        name = really(*arguments)
        signal.raise_signal(signal.SIGINT)
        return name

    monkeypatch.setattr(tempfile, "mkdtemp", make)
    with pytest.raises(KeyboardInterrupt), working_folder(tmp_path, ".build-"):
        pass
    assert not list(tmp_path.iterdir())


def test_ctrl_c_while_everything_is_imported_is_one_line(tmp_path, naoth):
    process = start_build(tmp_path / "out", naoth)

    def server_is_there():
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return any("forkserver" in Path(f"/proc/{child}/cmdline").read_text() for child in children)

    wait_for(server_is_there, process)
    os.killpg(process.pid, signal.SIGINT)  # also reaches the fork server, which is still importing
    assert process.communicate(timeout=60) == ("", "interrupted\n")
    assert process.returncode == 130


def group_of_worker(_):
    return os.getpgid(0), signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_workers_ignore_signals_to_the_group_but_the_pool_can_end_them():
    with workers(2) as spread:
        for group, on_interrupt, masked in spread(group_of_worker, [(0,), (1,)]):
            assert group != os.getpgid(0)
            assert on_interrupt == signal.SIG_IGN
            assert not masked


def test_a_killed_build_leaves_the_previous_files_and_no_processes(tmp_path, naoth, build):
    assert build("classification", "--origins", "naoth") == 0
    before = contents(tmp_path / "out")
    process = start_build(tmp_path / "out", naoth, "--seed", "1")
    wait_for(lambda: any(path.stat().st_size for path in tmp_path.glob("out/classification/.build-*/16.u8")), process)
    process.kill()
    process.communicate(timeout=60)  # returns when the last process that holds the pipe has ended, workers included
    after = contents(tmp_path / "out")
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if name.endswith(".h5") and name not in before and ".build-" not in name]


def test_folders_of_other_programs_are_left_alone(tmp_path):
    """`--output-dir out` makes `.out-*`; a person may have an old `.out-backup` beside it."""
    kept = [tmp_path / name / "data.txt" for name in (".out-backup", ".other-")]
    ours = tmp_path / ".out-killed" / "in_use.lock"
    for path in (*kept, ours):
        path.parent.mkdir()
        path.write_text("")
        os.utime(path.parent, (0, 0))
    with working_folder(tmp_path, ".out-"), working_folder(tmp_path, ".o*-"):
        pass
    assert all(path.exists() for path in kept)
    assert not ours.parent.exists()
