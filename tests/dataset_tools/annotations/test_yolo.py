"""YOLO labels and class names are found in all the usual places, and lines that do not describe a box are skipped."""

import pytest

from common.errors import UserError
from tests.dataset_tools.annotations import scenes
from tests.dataset_tools.annotations.reading import BALL, read


def test_yolo_reads_labels_beside_the_pictures_and_in_labels_folders(tmp_path):
    scenes.write_pictures(tmp_path / "images" / "train", {"a.png": BALL, "empty.png": [], "not.png": []})
    labels = tmp_path / "labels" / "train"
    labels.mkdir(parents=True)
    (labels / "a.txt").write_text("0 0.359375 0.3958333 0.09375 0.125\n")
    (labels / "empty.txt").write_text("")
    (labels / "gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "data.yaml").write_text("path: x\ntrain: [images/train, more]\nnames:\n  0: ball\n  1: robot\n")
    records, skipped = read(tmp_path)
    assert {name: (len(item.boxes), item.certified) for name, item in records.items()} == {
        "images/train/a.png": (1, True),
        "images/train/empty.png": (0, True),
    }
    assert skipped == {
        "images/train/not.png": "not annotated: there is no label file for it",
        "labels/train/gone.txt": "missing picture",
    }


@pytest.mark.parametrize(
    "names", ["names: [robot, ball]", "names: {0: robot, 1: ball}", "a:\n  - robot\n  - ball\nb: [x]"]
)
def test_yolo_class_names(names, folder):
    (folder / "names.yaml").write_text(names)
    (folder / "a.txt").write_text("1 0.5 0.5 0.1 0.1\n0 0.2 0.2 0.1 0.1\n")
    records, _ = read(folder)
    assert [box.kind for box in records["a.png"].boxes] == ["ball", "robot"]


def test_aliases_in_the_file_of_class_names_are_followed_once(folder):
    lines = ["a0: &a0 {x: y}", *(f"a{n}: &a{n} {{a: *a{n - 1}, b: *a{n - 1}, c: *a{n - 1}}}" for n in range(1, 60))]
    (folder / "names.yaml").write_text("\n".join([*lines, "last: [ball]"]))
    (folder / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert list(read(folder)[0]) == ["a.png"]


def test_yolo_without_class_names_asks_for_the_number_of_the_ball_class(folder):
    (folder / "a.txt").write_text("1 0.5 0.5 0.1 0.1\n0 0.2 0.2 0.1 0.1\n")
    with pytest.raises(UserError, match="--ball-class 0"):
        read(folder)
    records, _ = read(folder, ball=["1"])
    assert [box.kind for box in records["a.png"].boxes] == ["ball", "other"]


@pytest.mark.parametrize("line", ["0 0.5 0.5", "0 a b c d", "ball 0.5 0.5 0.1 0.1", "0 nan 0.5 0.1 0.1", "\0\xff"])
def test_a_line_that_is_not_a_box_makes_the_picture_uncertified(line, folder):
    (folder / "a.txt").write_text(f"{line}\n0 0.5 0.5 0.1 0.1\n", encoding="latin-1")
    records, skipped = read(folder, ball=["0"])
    assert not records["a.png"].certified
    assert "a.png" in skipped
