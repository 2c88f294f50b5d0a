"""Mining writes a table, a sheet and tasks; all three show the same patches in the same order."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from dataset_tools.annotations.record import Place, Record
from dataset_tools.mining.ranking import Choice
from dataset_tools.mining.results import write_choices, write_tasks
from tests.dataset_tools.annotations import scenes


@pytest.fixture
def choices(tmp_path):
    """Two candidates from one picture, a third candidate from another picture, and a patch from a patch file."""
    made = []
    for name in ("a-1.png", "a-2.png"):
        scenes.picture(len(made)).save(tmp_path / name)
        record = Record(name, (), False, None, tmp_path / name, "top", "\x1b[31ma")
        balls = np.array([[10.0, 50, 60]]), np.array([0.75])
        for index in range(2 if name == "a-1.png" else 1):
            box = (10 * index, 20, 10 * index + 30, 50)
            X = np.full((16, 16, 1), 50 * len(made), np.uint8)
            made.append(Choice(0.9 - 0.1 * len(made), record, index, box, X, np.array([0.5, 0.7]), (320, 240), balls))
    of_file = Record("p.h5", (), False, None, tmp_path / "p.h5", "", "p", Place(256, 9, "rows", 256), "rows")
    made.append(Choice(0.1, of_file, 3, (0, 0, 16, 16), made[0].X, np.array([0.1, 0.2]), None, ()))
    return made


def test_the_table_has_one_row_per_choice(tmp_path, choices):
    write_choices(tmp_path, "to_label", choices)
    text = (tmp_path / "to_label.csv").read_text(encoding="utf-8")
    assert "\x1b" not in text
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    assert [float(row["interest"]) for row in rows] == pytest.approx([0.9, 0.8, 0.7, 0.1])
    assert [row["picture"] for row in rows] == ["a-1.png", "a-1.png", "a-2.png", "p.h5"]
    assert [row["frame"] for row in rows] == ["1", "1", "2", "259"]
    assert [rows[1][edge] for edge in ("left", "top", "right", "bottom")] == ["10", "20", "40", "50"]
    assert [float(rows[0][name]) for name in ("score_1", "score_2")] == pytest.approx([0.5, 0.7])
    with Image.open(tmp_path / "to_label.png") as sheet:
        assert sheet.height > 100


def test_without_choices_the_table_has_only_its_header(tmp_path):
    write_choices(tmp_path, "none", [])
    (head,) = (tmp_path / "none.csv").read_text(encoding="utf-8").splitlines()
    assert head == "rank,interest,picture,source,recording,camera,frame,left,top,right,bottom"


def test_a_picture_becomes_one_task_with_all_its_candidates_but_a_patch_becomes_none(tmp_path, choices):
    assert write_tasks(tmp_path / "tasks", choices, "m") == 2
    first, second = json.loads((tmp_path / "tasks" / "tasks.json").read_text(encoding="utf-8"))
    assert first["data"]["look_at"] == "x 15 y 35: 0.500; x 25 y 35: 0.500"
    assert second["data"]["look_at"] == "x 15 y 35: 0.500"
    assert [result["score"] for result in first["predictions"][0]["result"]] == [0.75]
