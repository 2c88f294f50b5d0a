"""Builds that fail, are interrupted or cannot be: one line, a status, and the files of before."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from common.archive import sha256_of
from common.cli import UserError
from dataset_tools import building
from dataset_tools.ball_classification_datasets import create_datasets as classification
from dataset_tools.workers import workers
from dataset_tools.writing import read_sums

from .helpers import ROOT, contents, family, load


def test_a_failed_build_leaves_everything_as_it_was(tmp_path, build, naoth, monkeypatch, capsys):
    assert build("classification") == 0
    before = contents(tmp_path / "out")
    original, calls = building.writing.write, []

    def fails_late(job):
        calls.append(job)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")
        return original(job)

    with monkeypatch.context() as patch:
        patch.setattr(building.writing, "write", fails_late)
        assert build("classification", "--seed", 1) == 1
    assert "No space left" in capsys.readouterr().out
    (naoth / "top" / "log_01.zip").write_bytes(b"broken")
    assert build("classification", "--strict") == 1
    out, err = capsys.readouterr()
    assert "--strict: 1 patches would be skipped" in out
    assert "not a readable zip file, such as " in err
    after = contents(tmp_path / "out")
    assert {name: after[name] for name in before if name.endswith(".h5")} == {
        name: content for name, content in before.items() if name.endswith(".h5")
    }
    assert not list((tmp_path / "out").rglob(".build-*"))


def test_files_that_a_family_has_no_more_are_removed(tmp_path, build):
    assert build("classification") == 0
    assert build("classification", "--origins", "naoth", "--split", 1, 1, 0) == 0
    names = sorted(path.name.split("16x16_")[1].split("_")[0] for path in (tmp_path / "out").rglob("*.h5"))
    assert names == ["naoth", "train", "validation"]
    sums = (tmp_path / "out" / family().folder / "SHA256SUMS").read_text()
    assert len(sums.splitlines()) == 3


def test_leaks_above_the_limit_fail_and_the_picture_shows_them(tmp_path, build, naoth, zip_of, png, capsys):
    twins = {f"{index}.png": png(30, seed=900 + index) for index in range(40)}
    for log in ("twin_a", "twin_b"):
        zip_of(naoth / "top" / f"{log}.zip", twins)
    apart = ["--no-keep-linked", "--test-recordings", "twin_b", "--max-leaks", "0.01"]
    assert build("classification", *apart) == 1
    out, err = capsys.readouterr()
    assert "leak: 100.00% of a split have a duplicate in another" in out
    assert "40 of 40 patches have a duplicate (100.00%), 40 exact" in err
    assert not list((tmp_path / "out").rglob("*.h5"))
    picture = tmp_path / "out" / "classification" / "reports" / "legacy_border0_leaks.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert build("classification") == 0
    parts = {
        part
        for part in ("train", "validation", "test")
        if {"twin_a", "twin_b"} & set(load(tmp_path / "out", part).recording)
    }
    assert len(parts) == 1


def test_combinations_that_cannot_exist_or_have_no_patches_are_said(tmp_path, naoth, build, capsys):
    roots = tmp_path / "roots"
    (roots / "segmentation_border10").mkdir(parents=True)
    (roots / "legacy_border0").symlink_to(naoth)
    wanted = ["--naoth", roots, "--type", "legacy", "segmentation", "--border", "0", "10", "--camera", "bottom", "top"]
    assert build("classification", *wanted) == 1
    lines = capsys.readouterr().out.splitlines()
    said = {line.split()[0].removeprefix("yuv422_y_only_pil_"): line.split(maxsplit=2)[1:] for line in lines[:-1]}
    assert said["legacy_border0_top_16x16"][0] == "built"
    assert said["legacy_border10_top_16x16"][1].startswith("no patches: there is no ")
    assert said["segmentation_border0_top_16x16"] == [
        "skipped",
        "cannot exist: segmentation patches are of the bottom camera only",
    ]
    assert said["segmentation_border10_bottom_16x16"][0] == "failed"
    assert "no logs found" in said["segmentation_border10_bottom_16x16"][1]
    assert lines[-1] == "classification: 2 built, 1 failed, 5 skipped"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--naoth ROOT is missing"),
        (["--naoth", "nowhere"], "--naoth must be a folder. Received: nowhere"),
        (["--naoth", ".", "--devils", "nowhere.zip"], "--devils must be a file"),
        (["--naoth", ".", "--split", "0", "1", "1"], "--split needs three shares"),
        (["--naoth", ".", "--split", "nan", "1", "1"], "Received: nan 1 1"),
        (["--naoth", ".", "--seed", "-1"], "--seed must be at least 0"),
        (["--naoth", ".", "--max-leaks", "2"], "--max-leaks is a share"),
        (["--naoth", ".", "--jobs", "0"], "--jobs must be at least 1"),
        (["--naoth", ".", "--origins", "naoth", "dutch"], "Received: dutch"),
        (["--naoth", ".", "--type", "segmentation", "--camera", "top"], "nothing to build"),
        (["--naoth", ".", "--origins", "naoth"], "nothing to build. Received: no patches: there is no legacy_border0"),
    ],
)
def test_wrong_arguments(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        classification.main(arguments)
    assert message in str(caught.value)


def test_one_root_is_of_one_type_and_border(build):
    with pytest.raises(UserError, match="--naoth is one root"):
        build("classification", "--border", 0, 10)


def start_build(output, naoth, *more):
    """A build with two processes, in a process group of its own as a terminal gives it."""
    command = [sys.executable, "-m", "dataset_tools.ball_classification_datasets.create_datasets", "--naoth", naoth]
    command += ["--origins", "naoth", "--jobs", "2", "--output-dir", output, *more]
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes)


def wait_for(condition, process):
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline, "the build never came that far"
        assert process.poll() is None
        time.sleep(0.005)
    return found


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


def test_ctrl_c_while_everything_is_imported_is_one_line(tmp_path, naoth):
    process = start_build(tmp_path / "out", naoth)

    def server_is_there():
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return any("forkserver" in Path(f"/proc/{child}/cmdline").read_text() for child in children)

    wait_for(server_is_there, process)
    os.killpg(process.pid, signal.SIGINT)  # to the server, too, which is importing
    assert process.communicate(timeout=60) == ("", "interrupted\n")
    assert process.returncode == 130


def group_of_worker(_):
    return os.getpgid(0), signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_signals_to_the_group_do_not_reach_workers_but_the_pool_can_end_them():
    with workers(2) as spread:
        for group, on_interrupt, masked in spread(group_of_worker, [(0,), (1,)]):
            assert group != os.getpgid(0)
            assert on_interrupt == signal.SIG_IGN
            assert not masked


def test_what_a_killed_build_left_is_removed_and_what_is_in_use_is_not(tmp_path, build):
    folder = tmp_path / "out" / "classification"
    for name in (".build-killed", ".build-used", ".build-young"):
        (folder / name / "files").mkdir(parents=True)
    for name in (".build-killed", ".build-used"):
        os.utime(folder / name, (0, 0))
    with FileLock(folder / ".build-used" / "in_use.lock"):
        os.utime(folder / ".build-used", (0, 0))
        assert build("classification", "--origins", "tk03") == 0
    assert {path.name for path in folder.glob(".build-*")} == {".build-used", ".build-young"}


def test_something_in_the_way_of_a_file_changes_nothing(tmp_path, build, capsys):
    assert build("classification") == 0
    before = contents(tmp_path / "out")
    (tmp_path / "out" / family().file("test")).unlink()
    (tmp_path / "out" / family().file("test")).mkdir()
    assert build("classification", "--seed", 1) == 1
    assert "is a folder and in the way of a file. Move it away." in capsys.readouterr().out
    after = contents(tmp_path / "out")
    assert {name for name in before if before[name] != after.get(name)} == {family().file("test")}


def test_two_builds_at_once_leave_one_of_them_whole(tmp_path, naoth):
    command = [sys.executable, "-m", "dataset_tools.ball_classification_datasets.create_datasets", "--naoth", naoth]
    command += ["--origins", "naoth", "--jobs", "1", "--max-leaks", "1", "--output-dir", tmp_path / "out", "--seed"]
    builds = [
        subprocess.Popen([*command, str(seed)], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        for seed in (0, 1)
    ]
    assert [process.communicate()[1] and process.returncode for process in builds] == [0, 0]
    parts = {part: load(tmp_path / "out", part) for part in ("train", "validation", "test")}
    assert sum(map(len, parts.values())) == len(load(tmp_path / "out", "naoth"))
    recordings = [name for part in parts.values() for name in set(part.recording)]
    assert len(recordings) == len(set(recordings)) == 14
    sums = read_sums(tmp_path / "out" / family().folder / "SHA256SUMS")
    assert sums == {path.name: sha256_of(path) for path in (tmp_path / "out").rglob("*.h5")}
    assert not list((tmp_path / "out").rglob(".build-*"))


def test_a_build_that_is_killed_leaves_the_files_of_before_and_no_processes(tmp_path, naoth, build):
    assert build("classification", "--origins", "naoth") == 0
    before = contents(tmp_path / "out")
    process = start_build(tmp_path / "out", naoth, "--seed", "1")
    wait_for(lambda: any(path.stat().st_size for path in tmp_path.glob("out/classification/.build-*/16.u8")), process)
    process.kill()
    process.communicate(timeout=60)  # ends when the last process that holds the pipe has gone, so the workers too
    after = contents(tmp_path / "out")
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if name.endswith(".h5") and name not in before and ".build-" not in name]
