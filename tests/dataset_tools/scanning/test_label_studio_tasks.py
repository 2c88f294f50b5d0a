"""Tasks are written as Label Studio expects them, and their pictures have names that cut.py understands."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dataset_tools.annotations.picture_names import recording_of
from dataset_tools.annotations.record import Place, Record
from dataset_tools.scanning.label_studio_tasks import picture_name, task_folder

names = st.text(st.characters(codec=None), min_size=1, max_size=40)


@given(names, names)
def test_a_picture_has_a_name_that_every_system_accepts_and_that_contains_its_recording(name, recording):
    record = Record(f"{name}.png", (), False, None, Path("game.log"), "top", recording)
    made = picture_name(record)
    assert made == picture_name(record)
    assert made.isprintable()
    assert not set(made) & set('\\/:*?"<>|')
    assert made.rpartition("-")[0].rstrip("_") == recording_of(Record(f"{made}.png", (), True), "", None).rstrip("_")


def test_pictures_with_the_same_name_in_different_folders_get_different_names():
    records = [Record("1.png", (), False, None, Path(source), recording="game") for source in ("a/1.png", "b/1.png")]
    records.append(records[0]._replace(name="2.png"))
    assert len({picture_name(record) for record in records}) == 3


@pytest.fixture
def tasks(tmp_path):
    """A function that writes a task for each pair (circles, scores), and returns the content of tasks.json."""
    Image.new("RGB", (320, 240), "green").save(tmp_path / "a-1.jpg", quality=90)
    record = Record("a-1.jpg", (), False, None, tmp_path / "a-1.jpg", recording="a")

    def make(*predictions, **data):
        with task_folder(tmp_path / "out", "model 1") as add, Image.open(tmp_path / "a-1.jpg") as image:
            for circles, scores in predictions:
                add(record, image, np.array(circles, float).reshape(-1, 3), np.array(scores, float), **data)
        return json.loads((tmp_path / "out" / "tasks.json").read_text(encoding="utf-8"))

    return make


def test_boxes_are_in_percent_and_are_cut_off_at_the_edge(tasks):
    (task,) = tasks(([(20, 160, 120), (30, 10, 230)], [0.9, 0.6]), look_at="x 160")
    assert task["data"]["look_at"] == "x 160"
    (prediction,) = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("model 1", 0.9)
    first, second = (result["value"] for result in prediction["result"])
    assert [first[key] for key in ("x", "y", "width", "height")] == pytest.approx(
        [43.75, 41.667, 12.5, 16.667], abs=0.01
    )
    assert [second[key] for key in ("x", "y", "width", "height")] == pytest.approx([0, 83.333, 12.5, 16.667], abs=0.01)
    assert {result["original_width"] for result in prediction["result"]} == {320}


def test_a_picture_without_a_ball_is_a_task_too(tasks):
    (task,) = tasks(([], []))
    assert task["predictions"] == [{"model_version": "model 1", "score": 0.0, "result": []}]


def test_pictures_are_copied_unchanged_or_become_png(tasks, tmp_path):
    (task,) = tasks(([], []))
    address = task["data"]["image"]
    name = address.removeprefix("/data/local-files/?d=pictures/")
    assert (tmp_path / "out" / "pictures" / name).read_bytes() == (tmp_path / "a-1.jpg").read_bytes()
    of_log = Record("0000007_top", (), False, None, Path("game.log"), "top", "game", Place(0, 9, "ImageTop", 7))
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))
    with task_folder(tmp_path / "log", "m") as add:
        add(of_log, image, np.empty((0, 3)), np.empty(0))
    (copy,) = (tmp_path / "log" / "pictures").iterdir()
    assert copy.suffix == ".png"
    with Image.open(copy) as written:
        assert np.array_equal(np.asarray(written), np.asarray(image))
    assert "RectangleLabels" in (tmp_path / "log" / "labels.xml").read_text(encoding="utf-8")
