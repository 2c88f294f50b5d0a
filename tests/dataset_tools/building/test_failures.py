"""A failed build prints one line, returns a non-zero status and leaves the previous files unchanged."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from common.archive.checksums import sha256_of
from common.errors import UserError
from dataset_tools.building import write_families
from dataset_tools.building.write_families import read_sums

from ..helpers import ROOT, contents, family, load


def test_a_failed_build_leaves_everything_as_it_was(tmp_path, build, naoth, monkeypatch, capsys):
    assert build("classification") == 0
    before = contents(tmp_path / "out")
    original, calls = write_families.write, []

    def fails_late(job):
        calls.append(job)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")
        return original(job)

    with monkeypatch.context() as patch:
        patch.setattr(write_families, "write", fails_late)
        assert build("classification", "--seed", 1) == 1
    assert "No space left" in capsys.readouterr().out
    (naoth / "top" / "log_01.zip").write_bytes(b"broken")
    assert build("classification", "--strict") == 1
    out, err = capsys.readouterr()
    assert "--strict: patches to skip: 1" in out
    assert "not a readable zip file, such as " in err
    after = contents(tmp_path / "out")
    assert {name: after[name] for name in before if name.endswith(".h5")} == {
        name: content for name, content in before.items() if name.endswith(".h5")
    }
    assert not list((tmp_path / "out").rglob(".build-*"))


def test_leaks_above_the_limit_fail_and_the_picture_shows_them(tmp_path, build, naoth, zip_of, png, capsys):
    twins = {f"{index}.png": png(30, seed=900 + index) for index in range(40)}
    for log in ("twin_a", "twin_b"):
        zip_of(naoth / "top" / f"{log}.zip", twins)
    apart = ["--no-keep-linked", "--test-recordings", "twin_b", "--max-leaks", "0.01"]
    assert build("classification", *apart) == 1
    out, err = capsys.readouterr()
    assert "leak: 100.00% of the patches of a split have a duplicate in another" in out
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


def test_a_family_that_fails_keeps_its_old_files_and_the_others_are_built(tmp_path, build, capsys):
    assert build("classification", "--size", 16, 32) == 0
    before = contents(tmp_path / "out")
    (tmp_path / "out" / family().file("test")).unlink()
    (tmp_path / "out" / family().file("test")).mkdir()
    capsys.readouterr()
    assert build("classification", "--size", 16, 32, "--seed", 1) == 1
    small, large, total = capsys.readouterr().out.splitlines()
    assert "failed" in small
    assert "cannot be written, because it is a folder. Move or rename the folder." in small
    assert "built" in large
    assert total == "classification: 1 built, 1 failed"
    after = contents(tmp_path / "out")
    changed = {name for name in before if name.endswith(".h5") and before[name] != after.get(name)}
    large_splits = {family(size=32).file(part) for part in ("train", "validation", "test", "naoth", "devils")}
    assert changed == {family().file("test"), *large_splits}
    sums = read_sums(tmp_path / "out" / family().folder / "SHA256SUMS")
    assert all(sums[Path(name).name] == sha256_of(tmp_path / "out" / name) for name in large_splits)


def test_a_file_that_cannot_be_written_fails_only_its_family(tmp_path, build, monkeypatch, capsys):
    assert build("classification", "--size", 16, 32) == 0
    before = contents(tmp_path / "out")
    original = write_families.write_patches

    def no_room_for_large_ones(path, *arguments, **more):
        if "32x32" in path.name:
            raise UserError(f"{path}: cannot be written: No space left on device.")
        return original(path, *arguments, **more)

    monkeypatch.setattr(write_families, "write_patches", no_room_for_large_ones)
    capsys.readouterr()
    assert build("classification", "--size", 16, 32, "--seed", 1) == 1
    small, large, _ = capsys.readouterr().out.splitlines()
    assert "built" in small
    assert large.endswith("cannot be written: No space left on device.")
    assert ".build-" not in large
    after = contents(tmp_path / "out")
    assert {name for name in before if "32x32" in name and before[name] != after.get(name)} == set()
    assert not list((tmp_path / "out").rglob(".build-*"))


def test_without_disk_space_for_pixels_all_families_fail_and_nothing_changes(tmp_path, build, capsys):
    assert build("classification") == 0
    before = contents(tmp_path / "out")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))  # acts like a full disk for files larger than 20 kB
    try:
        capsys.readouterr()
        assert build("classification", "--seed", 1) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "failed" in capsys.readouterr().out
    assert contents(tmp_path / "out") == before


def test_two_builds_at_once_leave_the_complete_files_of_one(tmp_path, naoth):
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


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_a_family_without_a_single_ball_fails(tmp_path, build, zip_of, png, task, capsys):
    for log in range(6):
        files = {f"{index}.png": png(24, seed=10 * log + index) for index in range(5)}
        zip_of(tmp_path / "empty" / "top" / f"log{log}.zip", files)
    assert build(task, "--naoth", str(tmp_path / "empty"), "--origins", "naoth") == 1
    out = capsys.readouterr().out
    assert {"classification": "shows a ball: are labels missing", "detection": "no patches with a usable label"}[
        task
    ] in out
    assert not list((tmp_path / "out").rglob("*.h5"))
