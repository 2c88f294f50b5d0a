"""The results folder is written completely or not at all, and its files agree with each other."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from dataset_tools.annotations.record import Place, Record
from dataset_tools.scanning.results import COLUMNS, whole_folder, write_results
from dataset_tools.scanning.scan import Found

ABOUT = {"model": "m", "threshold": 0.5}


def test_a_folder_appears_at_the_end_and_gets_an_unused_name(tmp_path):
    for number in (1, 2):
        with whole_folder(tmp_path / "out") as (folder, place):
            (folder / "a").write_text(str(number))
            assert not list(place.iterdir())
        assert (place / "a").read_text() == str(number)
        assert (place.name == "out") is (number == 1)
    assert (tmp_path / "out" / "a").read_text() == "1"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_after_an_error_nothing_is_left(tmp_path, error):
    def work():
        with whole_folder(tmp_path / "out") as (folder, _):
            (folder / "a").touch()
            raise error

    with pytest.raises(error):
        work()
    assert not list(tmp_path.iterdir())


@pytest.fixture
def balls(tmp_path):
    """Ten pictures, five of which show two balls, and a file with three patches, one of which shows a ball."""
    results = []
    for number in range(10):
        path = tmp_path / f"a-{number}.png"
        Image.new("RGB", (64, 48), (20 * number, 90, 30)).save(path)
        record = Record(path.name, (), False, None, path, "top", "\x1b[31ma")
        boxes, X = np.array([[0, 0, 20, 20], [30, 10, 60, 40]]), np.zeros((2, 16, 16, 1), np.uint8)
        kept = np.array([1, 0] if number % 2 else [], int)
        circles, scores = np.array([[9.876, 45.001, 25], [6, 10, 10]])[: len(kept)], np.array([0.95, 0.5])[: len(kept)]
        results.append((Found(record, boxes, X, (64, 48)), circles, scores, kept))
    rows = Record("p.h5", (), False, None, tmp_path / "p.h5", "", "p", Place(256, 3, "rows", 256), "rows")
    found = Found(rows, np.tile([0, 0, 16, 16], (3, 1)), np.zeros((3, 16, 16, 1), np.uint8), None)
    results.append((found, np.array([[6.0, 8, 8]]), np.array([0.75]), np.array([2])))
    return results


@pytest.mark.parametrize("drawn", [0, 3, 10, 99])
def test_the_files_agree_with_each_other(tmp_path, balls, drawn):
    folder = tmp_path / "out"
    folder.mkdir()
    counts = write_results(folder, ABOUT, iter(balls), 10, drawn, tasks=True)
    assert counts == ABOUT | {"pictures": 10, "patches": 3, "candidates": 23, "balls": 11}
    text = (folder / "detections.csv").read_text(encoding="utf-8")
    assert "\x1b" not in text
    rows = list(csv.DictReader(text.splitlines()))
    told = json.loads((folder / "detections.json").read_text(encoding="utf-8"))
    assert {key: told[key] for key in counts} == counts
    assert len(rows) == len(told["detections"]) == 11
    for row, other in zip(rows, told["detections"], strict=True):
        assert list(row) == list(other) == list(COLUMNS)
        assert all(row[key] == str(other[key]) for key in COLUMNS if key != "recording")
    assert [rows[0][key] for key in ("frame", "score", "x", "radius", "left", "top", "side")] == [
        *("1", "0.95", "45.0", "9.88", "30", "10", "30")
    ]
    assert rows[-1]["frame"] == "258"
    pictures = list((folder / "pictures").iterdir())
    assert len(pictures) == min(drawn, 10)
    tasks = json.loads((folder / "label_studio" / "tasks.json").read_text(encoding="utf-8"))
    assert len(tasks) == len(pictures)
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.height > 200  # the eleven balls fill two rows of the sheet


def test_all_files_are_written_even_without_a_ball(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    assert write_results(folder, ABOUT, iter([]), 0, 5, tasks=False)["balls"] == 0
    assert json.loads((folder / "detections.json").read_text(encoding="utf-8"))["detections"] == []
    assert {path.name for path in folder.iterdir()} == {"detections.csv", "detections.json", "pictures", "sheet.png"}
