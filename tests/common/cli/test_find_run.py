"""Runs are found by folder or name."""

import json

import pytest

from common.cli.find_run import find_run
from common.errors import UserError


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


def test_the_newest_run_of_a_name_is_found(runs, capsys):
    assert find_run("mine", runs).name == "20260101-000002_mine"
    assert "the newest of 2 runs of that name" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", " ", "nobody", "x" * 5000])
def test_a_missing_run_is_reported_in_one_line(runs, name):
    with pytest.raises(UserError, match="Received: "):
        find_run(name, runs)
