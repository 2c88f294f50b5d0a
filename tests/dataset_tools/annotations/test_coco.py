"""COCO files may list missing pictures, pictures without boxes, and invalid boxes.

Even large files are read with little memory.
"""

import json
import tracemalloc

import pytest

from common.errors import UserError
from dataset_tools.annotations import recognise
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.record import Record
from tests.dataset_tools.annotations import scenes
from tests.dataset_tools.annotations.reading import BALL, read


def test_coco_finds_pictures_without_their_folders_and_counts_missing_ones(folder, tmp_path):
    names = {"../../from/elsewhere/a.png": BALL, "C:\\photos\\b.png": BALL, "gone.png": BALL, "a/..": BALL, "": BALL}
    records, skipped = read(scenes.coco(tmp_path, names), folder)
    assert {item.picture.name for item in records.values()} == {"a.png", "b.png"}
    assert skipped == {
        "gone.png": "missing picture",
        "a/..": "picture's name points outside the folder",
        "image 4": "no file name",
    }


def test_coco_pictures_without_boxes_are_certified_only_on_request(folder, tmp_path):
    boxes = scenes.coco(tmp_path, {"a.png": [], "b.png": BALL})
    records, skipped = read(boxes, folder)
    assert list(records) == ["b.png"]
    assert "so it may show a ball" in skipped["a.png"]
    records, _ = read(boxes, folder, empty_certified=True)
    assert records["a.png"].certified


def test_coco_with_a_crowd_an_invalid_box_and_an_annotation_of_an_unlisted_picture(folder, tmp_path):
    boxes = scenes.coco(tmp_path, {"a.png": BALL, "b.png": BALL})
    content = json.loads(boxes.read_text())
    content["annotations"][0]["iscrowd"] = 1
    content["annotations"][1]["bbox"] = [1, 2, None, 4]
    content["annotations"] += [{"image_id": 77, "category_id": 1, "bbox": [1, 2, 3, 4]}, "nonsense"]
    boxes.write_text(json.dumps(content))
    records, skipped = read(boxes, folder)
    assert [box.kind for box in records["a.png"].boxes] == ["ignore"]
    assert not records["b.png"].certified
    assert skipped["image 77"] == "annotations of an unlisted picture"


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("images", "its list of pictures, `images`, is empty or missing"),
        ("annotations", "its list of boxes, `annotations`, is empty or missing"),
    ],
)
def test_an_empty_or_missing_list_is_named(key, words, missing, folder, tmp_path):
    boxes = scenes.coco(tmp_path, {"a.png": BALL})
    content = json.loads(boxes.read_text())
    content[key] = []
    if missing:
        del content[key]
    boxes.write_text(json.dumps(content))
    records, skipped = read(boxes, folder)
    assert not records
    assert skipped[boxes.name] == words


def test_a_file_without_any_class_is_refused(folder, tmp_path):
    boxes = scenes.coco(tmp_path, {"a.png": []})
    boxes.write_text(json.dumps(json.loads(boxes.read_text()) | {"categories": []}))
    with pytest.raises(UserError, match=r"its list of classes, `categories`, is empty or missing"):
        read(boxes, folder, empty_certified=True)


@pytest.mark.parametrize("content", ["{}", "[]", '{"images": [], "annotations": [], "categories": []}'])
def test_a_file_whose_lists_are_empty_is_called_empty(content, folder, tmp_path):
    (tmp_path / "boxes.json").write_text(content)
    with pytest.raises(UserError, match=r"boxes\.json: contains no annotations, because its lists are empty\."):
        read(tmp_path / "boxes.json", folder)


def test_a_hundred_thousand_coco_annotations_take_little_memory(folder, tmp_path):
    with (tmp_path / "boxes.json").open("w") as stream:
        stream.write('{"categories": [{"id": 1, "name": "ball"}], "annotations": [')
        stream.write(
            ", ".join(f'{{"image_id": {n % 2}, "category_id": 1, "bbox": [1, 2, 30, 40]}}' for n in range(100_000))
        )
        stream.write('], "images": [{"id": 0, "file_name": "a.png"}]}')
    tracemalloc.start()
    for item in recognise.records(recognise.recognise(tmp_path / "boxes.json", None, folder), Classes()):
        if isinstance(item, Record):
            assert len(item.boxes) == 50_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20  # together, the file's objects would take up three times this limit
