"""Tests the command line of `export.py`: invalid names are refused before anything is read."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from common.errors import UserError
from robot_export.cpp.compile_and_run import find_compiler
from robot_export.options import check_arguments, export_parser

from ..tiny import ROOT

FREE = ("ours", "ball_classifier", "Net2", "NET", "final", "detail", "predict", "int_16")
LIBRARY = ("exp", "y1", "memcpy", "index", "lgamma_r", "int8_t", "size_t")


def parse(name: str) -> str:
    return export_parser("").parse_args(["--namespace", name, str(Path(__file__).parent)]).namespace


@pytest.mark.parametrize("name", ["class", "int", "and", "not_eq", "co_await", "std", "main", "ball", *LIBRARY])
def test_a_name_that_is_reserved_in_cpp_is_refused(name, capsys):
    with pytest.raises(SystemExit):
        parse(name)
    assert f"--namespace: {name} is reserved in C++. Choose another name" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a__b", "_Ball", "__ball", "ball_", "2balls", "a-b", "a::b", "", "bäll"])
def test_a_name_with_other_characters_is_refused(name, capsys):
    with pytest.raises(SystemExit):
        parse(name)
    assert "must consist of letters, digits and single underscores" in capsys.readouterr().err


@pytest.mark.parametrize("name", FREE)
def test_other_names_are_allowed(name):
    assert parse(name) == name


@pytest.mark.skipif(not find_compiler(), reason="no C++ compiler is installed")
@pytest.mark.parametrize("name", ["class", "and", *LIBRARY, *FREE])
def test_the_compiler_agrees(name):
    code = f"#include <cmath>\n#include <cstdint>\n#include <cstring>\nnamespace {name} {{}}\n"
    command = [find_compiler(), "-std=c++11", "-fsyntax-only", "-xc++", "-"]
    done = subprocess.run(command, input=code, text=True, capture_output=True, check=False)
    assert (done.returncode == 0) is (name in FREE)


def refused_without(packages: tuple[str, ...], module: str, words: list[str]) -> str:
    """Runs a program that must end with a one-line error before it imports these packages; returns the error."""
    program = (
        "import sys\n"
        f"from {module} import main\n"
        "from common.cli.program import run_main\n"
        f"status = run_main(lambda: main({words!r}))\n"
        f"sys.exit(status + sum(name in sys.modules for name in {packages!r}))"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    return ended.stderr


@pytest.mark.parametrize(
    ("module", "words", "message"),
    [
        (
            "classifier_cnn.train",
            ["--robot", "b-human"],
            "only a classifier. Export the classifier with --detector RUN",
        ),
        ("detector_cnn_ball_radius_center.train", ["--robot", "naoth-h5"], "only a detector. Export the classifier"),
        ("classifier_cnn.export", ["missing", "--robot", "naoth-h5"], "only a classifier. Export the classifier"),
        ("classifier_cnn.export", ["missing", "--robot", "hulks", "--detector", "missing"], "--detector is only for"),
        ("classifier_cnn.export", ["missing", "--detector", "missing"], "Received: no --robot."),
        ("detector_cnn_ball_radius_center.export", ["missing", "--robot", "nomadz"], "cannot load a detector"),
    ],
)
def test_a_robot_that_cannot_load_the_kind_of_model_is_refused_before_anything_is_read(module, words, message):
    assert message in refused_without(("numpy", "h5py", "tensorflow"), module, words)


def test_a_robot_that_cannot_use_the_patches_of_the_run_is_refused_before_tensorflow_is_loaded(folder):
    said = refused_without(("tensorflow",), "classifier_cnn.export", [str(folder), "--robot", "hulks"])
    assert "takes 32x32 patches of Y only. Received: 16x16, 1 channel." in said


@pytest.mark.parametrize("of_a_run", [True, False])
def test_an_unwritable_folder_is_reported_before_anything_is_read(of_a_run, tmp_path, monkeypatch):
    run, other = tmp_path / "run", tmp_path / "other"
    run.mkdir()
    with zipfile.ZipFile(run / "model.keras", "w"):
        pass
    if of_a_run:
        (run / "model.json").write_text("{}")
    monkeypatch.setenv("BALL_OUTPUT_DIR", str(other))
    arguments = export_parser("").parse_args([str(run)])
    assert check_arguments(arguments, "detector") is arguments
    if of_a_run:  # the files go into the run's folder, so the default folder is not needed
        monkeypatch.setattr(os, "access", lambda path, _: Path(path) == run)
        check_arguments(export_parser("").parse_args([str(run)]), "detector")
    kept = tmp_path if of_a_run else run  # the only folder with write permission is not the one that export.py needs
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) == kept)
    with pytest.raises(UserError, match=rf"no permission to write there\. Received: {run if of_a_run else other}"):
        check_arguments(arguments, "detector")
