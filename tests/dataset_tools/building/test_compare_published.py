"""Checksums, comparison with published files, sources from the archive, and the scripts themselves."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from common.archive.download_errors import Unreachable
from common.errors import UserError
from dataset_tools.ball_classification_datasets import create_datasets as classification
from dataset_tools.building import compare_published, read_sources
from dataset_tools.sources import tk03 as tk03_source

from ..helpers import ROOT, family, load


def test_checksums_match_the_files_and_the_archive_client_accepts_them(tmp_path, build, serve):
    from common.archive.checksums import sha256_of
    from common.archive.fetch import fetch

    assert build("classification", "--camera", "combined", "top") == 0
    folder = tmp_path / "out" / family().folder
    lines = [line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines()]
    assert {name: digest for digest, name in lines} == {path.name: sha256_of(path) for path in folder.glob("*.h5")}
    assert len(lines) == 11
    with serve(tmp_path / "out") as url:
        assert fetch(family().file("train"), tmp_path / "cache", url).is_file()
        (folder / "SHA256SUMS").write_text((folder / "SHA256SUMS").read_text().replace(lines[0][0], "0" * 64))
        wrong = f"{family().folder}/{lines[0][1]}"
        with pytest.raises(UserError):
            fetch(wrong, tmp_path / "cache", url)


def test_check_published(tmp_path, build, serve, capsys, monkeypatch):
    assert build("classification") == 0
    published = tmp_path / "published"
    build("classification", output=published)
    with serve(published) as url:
        check = lambda *more: build("classification", "--check-published", url, *more, sources=False)  # noqa: E731
        assert check() == 0
        assert "same     6 files" in capsys.readouterr().out
        assert check("--camera", "combined", "top") == 1
        assert "not built here" in capsys.readouterr().out
        damaged = published / family().file("train")
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")  # its SHA256SUMS is still the old one
        assert check() == 1
        assert "differs  other bytes: train_ball_no_ball_X_y.h5\n" in capsys.readouterr().out
        build("classification", "--seed", 1)
        capsys.readouterr()
        assert check() == 1
        assert "other bytes: test_ball_no_ball_X_y.h5" in capsys.readouterr().out
        published_sums = published / family().folder / "SHA256SUMS"
        text = published_sums.read_text()
        published_sums.write_text("".join(line for line in text.splitlines(True) if "_train_" not in line))
        assert check() == 1
        assert "not in SHA256SUMS: train_ball_no_ball_X_y.h5" in capsys.readouterr().out
        published_sums.unlink()
        assert check() == 1
        assert "other bytes: test_ball_no_ball_X_y.h5" in capsys.readouterr().out
        for path in published.rglob("*_test_*"):
            path.unlink()
        assert check() == 1
        assert "not published: test_ball_no_ball_X_y.h5" in capsys.readouterr().out
        for path in (tmp_path / "out").rglob("*_naoth_*"):
            path.unlink()
        assert check() == 1
        assert "only published: naoth_ball_no_ball_X_y.h5" in capsys.readouterr().out
        assert not list((tmp_path / "out").rglob(".published-*"))

    def silent(*arguments):
        raise Unreachable("no answer")

    monkeypatch.setattr(compare_published, "listing", silent)
    assert check() == 1
    assert "failed   no answer" in capsys.readouterr().out


def test_without_a_path_sources_come_from_the_archive(tmp_path, naoth, devils, tk03, serve):
    archive = tmp_path / "archive"
    for path, name in ((devils, read_sources.DEVILS_NAME), (tk03[0], tk03_source.NAME)):
        (archive / name).parent.mkdir(parents=True, exist_ok=True)
        (archive / name).write_bytes(path.read_bytes())
    common = ["--naoth", str(naoth), "--output-dir", str(tmp_path / "out"), "--data-root", str(tmp_path / "data")]
    with serve(archive) as url:
        assert classification.main([*common, "--jobs", "1", "--max-leaks", "1", "--archive-url", url]) == 0
    assert len(load(tmp_path / "out", "devils")) == 30
    assert len(load(tmp_path / "out", "tk03")) == 6
    assert classification.main([*common, "--jobs", "1", "--max-leaks", "1", "--offline"]) == 0  # sources are cached now


@pytest.mark.parametrize("project", ["ball_classification_datasets", "ball_detection_datasets"])
def test_runs_as_a_script_in_its_folder_and_as_a_module(project):
    folder = ROOT / "dataset_tools" / project
    script = subprocess.run(
        [sys.executable, "create_datasets.py", "--help"], cwd=folder, capture_output=True, text=True, check=True
    )
    module = [sys.executable, "-m", f"dataset_tools.{project}.create_datasets", "--naoth", "nowhere"]
    failed = subprocess.run(module, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "--check-published" in script.stdout
    assert failed.returncode == 2
    assert failed.stderr == "error: --naoth must be a folder. Received: nowhere.\n"


@pytest.mark.skipif(not (ROOT / ".venv/bin/python").exists(), reason="the environment is somewhere else")
@pytest.mark.parametrize(
    "script", ["ball_classification_datasets/create_datasets.py", "ball_detection_datasets/create_datasets.py"]
)
def test_finds_the_environment_by_itself(script):
    bare = [sys.executable, "-S", ROOT / "dataset_tools" / script, "--naoth", "nowhere"]  # -S: no installed packages
    done = subprocess.run(bare, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: --naoth must be a folder. Received: nowhere.\n")


def test_help_and_wrong_arguments_load_nothing_heavy():
    code = (
        "import sys; from dataset_tools.building.options import parse_args\n"
        "try: parse_args('classification', ['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'h5py', 'PIL', 'requests', 'tensorflow'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("project", ["ball_classification_datasets", "ball_detection_datasets"])
def test_the_shell_script_builds_all_combinations(tmp_path, naoth, devils, tk03, project):
    roots = tmp_path / "roots"
    roots.mkdir()
    (roots / "segmentation_border20").symlink_to(naoth)
    script = ROOT / "dataset_tools" / project / "create_datasets.sh"
    more = ["--tk03", tk03[0], *(["--devils", devils] if "class" in project else []), "--jobs", "1", "--max-leaks", "1"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix, "PATH": path}
    shell = partial(subprocess.run, capture_output=True, text=True, check=False, env=environment)
    done = shell([script, roots, tmp_path / "out", *more])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(": 4 built, 68 skipped")
    usage = shell([script])
    assert usage.returncode == 2
    assert "Usage:" in usage.stderr
