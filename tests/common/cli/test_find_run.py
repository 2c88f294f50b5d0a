"""Runs are found by their folder or name."""

import json
from pathlib import Path

import pytest

from common.cli.evaluation_options import evaluation_parser
from common.cli.find_run import find_run, read_config
from common.errors import UserError
from dataset_tools.scanning.predict_options import prediction_parser
from robot_export.comparison.options import compare_parser
from robot_export.options import export_parser


@pytest.fixture
def runs(tmp_path):
    for second in (1, 2):
        folder = tmp_path / f"20260101-00000{second}_mine"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"name": "mine"}))
    return tmp_path


def test_a_run_is_found_by_folder_and_by_the_name_of_its_folder(runs):
    first = runs / "20260101-000001_mine"
    assert find_run(str(first), runs / "elsewhere") == find_run(first.name, runs) == first


def test_the_newest_run_with_a_name_is_found(runs, capsys):
    assert find_run("mine", runs).name == "20260101-000002_mine"
    assert "the newest of 2 runs with that name" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", " ", "nobody", "x" * 5000])
def test_a_missing_run_is_reported_in_one_line(runs, name):
    with pytest.raises(UserError, match="Received: "):
        find_run(name, runs)


@pytest.mark.parametrize(
    "read",
    [
        lambda name: evaluation_parser("").parse_args([name, "x.h5"]).model,
        lambda name: export_parser("").parse_args([name]).model,
        lambda name: compare_parser("").parse_args([name, "x.h5"]).names[0],
        lambda name: prediction_parser("").parse_args([name, "x.log"]).model,
    ],
    ids=["evaluate", "export", "compare", "predict"],
)
def test_every_command_accepts_the_name_of_a_run_as_its_model(of_the_detector, read, monkeypatch):
    assert read("circles") == read(of_the_detector.name) == of_the_detector
    assert read("nobody.keras") == Path("nobody.keras")
    monkeypatch.chdir(of_the_detector.parent)
    Path("circles").touch()
    assert read("circles") == Path("circles")  # an existing file is preferred to a run of the same name


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"options": {}, "datasets": {"train": 1}}'])
def test_a_damaged_config_is_reported_with_what_to_do(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=r"Restore (it|this file), or start a new run\.$"):
        read_config(tmp_path)
