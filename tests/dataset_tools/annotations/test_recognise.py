"""If the format or the ball class of a source is not recognised, the error asks the user to name it."""

import os

import pytest

from common.errors import UserError
from tests.dataset_tools.annotations import scenes
from tests.dataset_tools.annotations.reading import BALL, read


def test_sources_without_a_ball_class_are_refused(folder, tmp_path):
    boxes = scenes.coco(tmp_path, {"a.png": BALL})
    boxes.write_text(boxes.read_text().replace('"ball"', '"bottle"'))
    with pytest.raises(UserError, match=r"no ball class. Received: bottle, nao, penalty_mark"):
        read(boxes, folder)
    records, _ = read(boxes, folder, ball=["Bottle"])
    assert records["a.png"].boxes[0].kind == "ball"


def test_the_error_for_an_unrecognised_format_names_the_option(folder, tmp_path):
    with pytest.raises(
        UserError, match=r"no annotations of a known format\. Annotate the pictures first .*--format: yolo, "
    ):
        read(folder)
    with pytest.raises(UserError, match="no such file or folder"):
        read(tmp_path / "gone")
    scenes.voc(folder, {"a.png": BALL})
    scenes.yolo(folder, {"a.png": BALL})
    with pytest.raises(UserError, match=r"several formats: voc, yolo\. Pass the folder of each format"):
        read(folder)
    assert list(read(folder, kind="voc")[0]) == ["a.png"]


@pytest.mark.parametrize(("kind", "name"), [("yolo", "b.txt"), ("voc", "b.xml")])
def test_pipes_are_skipped_because_reading_them_would_block(kind, name, folder, tmp_path):
    scenes.WRITERS[kind](folder, {"a.png": BALL})
    os.mkfifo(folder / name)
    os.mkfifo(folder / "game.log")
    records, skipped = read(folder)
    assert list(records) == ["a.png"]
    assert "missing, or not a regular file" in skipped.values()
    with pytest.raises(UserError, match="not a plain file or folder"):
        read(folder / "game.log")
