"""Label Studio exports: the right tasks and annotations are used, and all shapes become boxes."""

import json

import pytest

from tests.dataset_tools.annotations import scenes
from tests.dataset_tools.annotations.reading import BALL, read


@pytest.mark.parametrize(
    ("change", "count", "expected"),
    [
        ({}, 1, True),
        ({"was_cancelled": True}, None, "not annotated"),
        ({"result": []}, 0, True),
        ({"result": "x"}, None, "damaged annotations"),
        ({"result": [{"type": "brushlabels", "value": {"rle": [1]}}]}, 0, False),
        ({"result": [{"type": "choices", "value": {"choices": ["blurred"]}}]}, 0, True),
    ],
)
def test_label_studio_tasks(change, count, expected, folder, tmp_path):
    (tmp_path / "export.json").write_text(json.dumps([scenes.label_studio_task(0, "a.png", BALL, **change)]))
    records, skipped = read(tmp_path / "export.json", folder)
    if count is None:
        assert not records
        assert expected in next(iter(skipped.values()))
    else:
        (record,) = records.values()
        assert (len(record.boxes), record.certified) == (count, expected)


def test_label_studio_takes_the_newest_annotation(folder, tmp_path):
    task = scenes.label_studio_task(0, "a.png", BALL)
    task["annotations"].append(task["annotations"][0] | {"id": 9, "updated_at": "2026-02-01", "result": []})
    (tmp_path / "export.json").write_text(json.dumps([task]))
    assert next(iter(read(tmp_path / "export.json", folder)[0].values())).boxes == ()


def test_label_studio_shapes(folder, tmp_path):
    task = scenes.label_studio_task(0, "a.png", BALL * 4)
    square, ellipse, polygon, unlabelled = task["annotations"][0]["result"]
    square["value"] |= {"rotation": 90.0}  # a rotation is clockwise, around the top left corner
    ellipse |= {"type": "ellipselabels"}
    ellipse["value"] = {"x": 50, "y": 50, "radiusX": 5, "radiusY": 10, "ellipselabels": ["ball"]}
    polygon["value"] = {"points": [[10, 10], [20, 10], [15, 30]], "polygonlabels": ["nao"]}
    unlabelled["value"]["rectanglelabels"] = []
    (tmp_path / "export.json").write_text(json.dumps([task]))
    (record,) = read(tmp_path / "export.json", folder)[0].values()
    assert [box.kind for box in record.boxes] == ["ball", "ball", "robot", "ignore"]
    assert record.boxes[0][1:] == pytest.approx((70, 80, 100, 110))
    assert record.boxes[1][1:] == pytest.approx((144, 96, 176, 144))
    assert record.boxes[2][1:] == pytest.approx((32, 24, 64, 72))
