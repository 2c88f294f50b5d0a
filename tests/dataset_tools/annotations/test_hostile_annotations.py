"""Odd, broken and hostile annotations and pictures: a counted skip or one clear line, and never a wrong label."""

import json
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from dataset_tools.annotations import json_stream, picture, recognise, yaml_stream
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.record import Box, Record
from dataset_tools.cutting.scene import scene_of
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped
from tests.dataset_tools.annotations import scenes

BALL = [("ball", 100, 80, 130, 110)]


def read(path, pictures=None, kind=None, **classes):
    """All records by name, and all skips as {name: reason}."""
    items = [
        item
        for source in recognise.recognise(path, kind, pictures)
        for item in recognise.records(source, Classes.of(**classes), [])
    ]
    skipped = {item.name: item.reason for item in items if isinstance(item, Skipped)}
    return {item.name: item for item in items if isinstance(item, Record)}, skipped


@pytest.fixture
def folder(tmp_path):
    return scenes.write_pictures(tmp_path / "pictures", {"a.png": BALL, "b.png": BALL})


def test_yolo_takes_labels_beside_and_in_labels_folders(tmp_path):
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


def test_yolo_without_names_wants_the_balls_number(folder):
    (folder / "a.txt").write_text("1 0.5 0.5 0.1 0.1\n0 0.2 0.2 0.1 0.1\n")
    with pytest.raises(UserError, match="--ball-class 0"):
        read(folder)
    records, _ = read(folder, ball=["1"])
    assert [box.kind for box in records["a.png"].boxes] == ["ball", "other"]


@pytest.mark.parametrize("line", ["0 0.5 0.5", "0 a b c d", "ball 0.5 0.5 0.1 0.1", "0 nan 0.5 0.1 0.1", "\0\xff"])
def test_a_line_that_is_no_box_makes_the_picture_uncertified(line, folder):
    (folder / "a.txt").write_text(f"{line}\n0 0.5 0.5 0.1 0.1\n", encoding="latin-1")
    records, skipped = read(folder, ball=["0"])
    assert not records["a.png"].certified
    assert "a.png" in skipped


def test_sources_without_a_ball_class_are_refused(folder, tmp_path):
    boxes = scenes.coco(tmp_path, {"a.png": BALL})
    boxes.write_text(boxes.read_text().replace('"ball"', '"bottle"'))
    with pytest.raises(UserError, match=r"no class is a ball. Received: bottle, nao, penalty_mark"):
        read(boxes, folder)
    records, _ = read(boxes, folder, ball=["Bottle"])
    assert records["a.png"].boxes[0].kind == "ball"


def test_coco_finds_pictures_whose_folders_are_not_here_and_counts_the_missing(folder, tmp_path):
    names = {"../../from/elsewhere/a.png": BALL, "C:\\photos\\b.png": BALL, "gone.png": BALL, "a/..": BALL, "": BALL}
    records, skipped = read(scenes.coco(tmp_path, names), folder)
    assert {item.picture.name for item in records.values()} == {"a.png", "b.png"}
    assert skipped == {
        "gone.png": "missing picture",
        "a/..": "picture's name points out of the folder",
        "image 4": "no file name",
    }


def test_two_names_for_one_picture_are_not_mixed_up(folder, tmp_path):
    records, skipped = read(
        scenes.coco(tmp_path, {"top/a.png": BALL, "bottom/a.png": []}), folder, empty_certified=True
    )
    assert list(records) == ["top/a.png"]
    assert skipped == {"bottom/a.png": "several annotated names point to this picture"}


def test_the_same_name_in_two_folders(tmp_path):
    names = {"one/a.png": BALL, "two/a.png": [("ball", 10, 20, 40, 50)]}
    folder = scenes.write_pictures(tmp_path / "pictures", names)
    records, _ = read(scenes.coco(tmp_path, names), folder)
    assert {name: item.picture.relative_to(folder).as_posix() for name, item in records.items()} == {
        name: name for name in names
    }
    _, skipped = read(scenes.coco(tmp_path, {"a.png": BALL}), folder)
    assert skipped == {"a.png": "several folders have a picture of this name"}


def test_names_with_spaces_and_umlauts(tmp_path):
    names = {"Spiel 1/Töre ~ ä.png": BALL}
    folder = scenes.write_pictures(tmp_path / "pictures", names)
    apart = {"Spiel 1/To\u0308re ~ a\u0308.png": BALL}  # as macOS writes it
    for boxes in (names, apart):
        records, skipped = read(scenes.coco(tmp_path, boxes), folder)
        assert len(records) == 1, skipped
    task = scenes.label_studio_task(0, "x.png", BALL)
    task["data"]["image"] = "/data/local-files/?d=all/Spiel%201/T%C3%B6re%20~%20%C3%A4.png"
    (tmp_path / "export.json").write_text(json.dumps([task]))
    records, skipped = read(tmp_path / "export.json", folder)
    assert len(records) == 1, skipped


def test_coco_pictures_without_boxes_are_certified_only_on_request(folder, tmp_path):
    boxes = scenes.coco(tmp_path, {"a.png": [], "b.png": BALL})
    records, skipped = read(boxes, folder)
    assert list(records) == ["b.png"]
    assert "not certified" in skipped["a.png"]
    records, _ = read(boxes, folder, empty_certified=True)
    assert records["a.png"].certified


def test_coco_crowds_broken_boxes_and_annotations_of_no_picture(folder, tmp_path):
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


@pytest.mark.parametrize(
    ("change", "count", "certified"),
    [
        ({}, 1, True),
        ({"was_cancelled": True}, None, None),
        ({"result": []}, 0, True),
        ({"result": "x"}, 0, True),
        ({"result": [{"type": "brushlabels", "value": {"rle": [1]}}]}, 0, False),
        ({"result": [{"type": "choices", "value": {"choices": ["blurred"]}}]}, 0, True),
    ],
)
def test_label_studio_tasks(change, count, certified, folder, tmp_path):
    (tmp_path / "export.json").write_text(json.dumps([scenes.label_studio_task(0, "a.png", BALL, **change)]))
    records, skipped = read(tmp_path / "export.json", folder)
    if count is None:
        assert not records
        assert "not annotated" in next(iter(skipped.values()))
    else:
        (record,) = records.values()
        assert (len(record.boxes), record.certified) == (count, certified)


def test_label_studio_takes_the_newest_annotation(folder, tmp_path):
    task = scenes.label_studio_task(0, "a.png", BALL)
    task["annotations"].append(task["annotations"][0] | {"id": 9, "updated_at": "2026-02-01", "result": []})
    (tmp_path / "export.json").write_text(json.dumps([task]))
    assert next(iter(read(tmp_path / "export.json", folder)[0].values())).boxes == ()


def test_label_studio_shapes(folder, tmp_path):
    task = scenes.label_studio_task(0, "a.png", BALL * 4)
    square, ellipse, polygon, unlabelled = task["annotations"][0]["result"]
    square["value"] |= {"rotation": 90.0}  # about its top left corner, clockwise
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


def test_torso(folder):
    (folder / "annotations.yaml").write_text(
        "images:\n"
        "  a.png:\n    annotations:\n    - {type: ball, in_image: true, vector: [[1, 2], [31, 32]]}\n"
        "    metadata: &x {League: HSL}\n    height: 240\n    width: 320\n"
        "  b.png:\n    annotations:\n    - {type: robot, in_image: false}\n    metadata: *x\n"
    )
    records, skipped = read(folder)
    assert records["a.png"].boxes == (Box("ball", 1, 2, 31, 32),)
    assert records["a.png"].size == (320, 240)
    assert not records["b.png"].certified
    assert skipped == {"b.png": "no annotation about a ball, so it may show one"}


def test_voc_pictures_without_xml_and_odd_xml(folder):
    scenes.voc(folder, {"a.png": BALL})
    (folder / "c.xml").write_text("<annotation><filename>c.png</filename></annotation>")
    (folder / "d.xml").write_text("<annotation>")
    (folder / "e.xml").write_text("<kml/>")
    records, skipped = read(folder)
    assert list(records) == ["a.png"]
    assert skipped == {
        "b.png": "not annotated: there is no xml for it",
        "c.xml": "missing picture",
        "d.xml": "not a readable xml file",
        "e.xml": "xml is not an annotation",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_entities_are_refused_before_they_grow(encoding, folder):
    lines = [f'<!ENTITY e{n + 1} "{f"&e{n};" * 50}">' for n in range(9)]
    content = (
        f'<!DOCTYPE annotation [<!ENTITY e0 "ball">{"".join(lines)}]><annotation><filename>&e9;</filename></annotation>'
    )
    (folder / "a.xml").write_bytes(content.encode(encoding))
    (folder / "b.xml").write_text('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>')
    _, skipped = read(folder)
    assert skipped["a.xml"] == skipped["b.xml"] == "xml declares a document type or entities"


def test_yaml_bombs_cost_nothing(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 60)]
    (tmp_path / "a.yaml").write_text("\n".join([*lines, "images: *a59"]))
    tracemalloc.start()
    assert dict(yaml_stream.entries(tmp_path / "a.yaml"))["a59"]
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "{a: " * 5000, "- 1", "a: [1", "\x00", "&a [*a"])
def test_yaml_that_is_none_gets_one_line(text, tmp_path):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match="not a readable YAML file"):
        list(yaml_stream.entries(tmp_path / "a.yaml"))


@pytest.mark.parametrize(
    "text", ["", "[", '{"images": [', '{"images": [{"id": 1}, ', "nonsense", "[" * 100_000, "[1", '{"a": 1']
)
def test_json_that_is_cut_off_or_none_gets_one_line(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match="not a readable JSON file"):
        list(json_stream.elements(tmp_path / "a.json"))


@pytest.mark.parametrize("indent", [None, 1])
def test_json_is_read_like_json_at_any_window(indent, tmp_path, monkeypatch):
    content = {
        "info": {"a": [1, 2.5e3, None]},
        "images": [{"id": n, "t": 'ä"]},{[' * (n % 7)} for n in range(50)],
        "n": 12345,
    }
    (tmp_path / "a.json").write_text(json.dumps(content, indent=indent, ensure_ascii=False))
    for block in (1, 2, 7, 64, 1 << 20):
        monkeypatch.setattr(json_stream, "BLOCK", block)
        found = list(json_stream.elements(tmp_path / "a.json"))
        assert found == [("info", content["info"]), *(("images", item) for item in content["images"]), ("n", 12345)]


def test_a_hundred_thousand_annotations_of_coco_stay_small(folder, tmp_path):
    with (tmp_path / "boxes.json").open("w") as stream:
        stream.write('{"categories": [{"id": 1, "name": "ball"}], "annotations": [')
        stream.write(
            ", ".join(f'{{"image_id": {n % 2}, "category_id": 1, "bbox": [1, 2, 30, 40]}}' for n in range(100_000))
        )
        stream.write('], "images": [{"id": 0, "file_name": "a.png"}]}')
    tracemalloc.start()
    for item in recognise.records(recognise.recognise(tmp_path / "boxes.json", None, folder)[0], Classes(), []):
        if isinstance(item, Record):
            assert len(item.boxes) == 50_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20  # the whole file as Python objects takes three times as much


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((650, 20, 700, 60), "box outside the picture"),
        ((-50, 20, 0, 60), "box outside the picture"),
        ((10, 20, 10, 60), "empty box"),
        ((30, 20, 10, 60), "empty box"),
        ((float("nan"), 20, 10, 60), "box with a value that is not a number"),
        ((-900, -900, 900, 900), "box much larger than the picture"),
    ],
)
def test_a_ball_that_cannot_be_makes_the_picture_uncertified(box, reason):
    scene, skipped = scene_of(Record("a", (Box("ball", *box),), True), 320, 240, (1, 1))
    assert not scene.free
    assert not scene.balls
    assert [item.reason for item in skipped] == [f"ball: {reason}"]
    scene, _ = scene_of(Record("a", (Box("robot", *box),), True), 320, 240, (1, 1))
    assert scene.free


@pytest.mark.parametrize("box", [(100, 100, 103, 103), (100, 100, 150, 120)])
def test_a_ball_whose_place_is_not_known_is_kept_away_from(box):
    scene, skipped = scene_of(Record("a", (Box("ball", *box),), True), 320, 240, (1, 1))
    assert scene.free
    assert not scene.balls
    assert tuple(scene.avoid[0]) == box
    assert len(skipped) == 1


def picture_file(path):
    return Record(path.name, (), False, picture=path)


def saved(path, image, **options):
    image.save(path, **options)
    return picture_file(path)


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_pictures_of_any_mode_are_read(mode, tmp_path):
    image = scenes.picture(3)
    image = image.quantize(256).convert("RGB") if mode == "P" else image
    wanted = np.asarray(image.convert("RGB") if mode in ("P", "RGBA", "CMYK") else image.convert("L").convert("RGB"))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 256)
    else:
        image = image.quantize(256) if mode == "P" else image.convert(mode)
    record = saved(tmp_path / ("a.jpg" if mode == "CMYK" else "a.png"), image)
    found = np.asarray(picture.decode(picture.read_bytes(record), record))
    assert found.shape == (240, 320, 3)
    assert np.abs(found.astype(int) - wanted).mean() < (12 if mode == "CMYK" else 1)


def test_exif_turns_the_picture_unless_the_boxes_are_of_the_unturned_one(tmp_path):
    image = scenes.picture(3, (320, 240))
    exif = Image.Exif()
    exif[picture.ORIENTATION] = 6
    record = saved(tmp_path / "a.jpg", image, exif=exif, quality=95)
    data = picture.read_bytes(record)
    assert picture.decode(data, record).size == (240, 320)
    assert picture.decode(data, record._replace(size=(240, 320))).size == (240, 320)
    assert picture.decode(data, record._replace(size=(320, 240))).size == (320, 240)


def test_pictures_of_another_size_or_shape_than_annotated():
    record = Record("a", (), True, size=(640, 480))
    assert picture.scale(record, 320, 240) == (0.5, 0.5)
    with pytest.raises(Refused, match="aspect ratio"):
        picture.scale(record, 480, 640)


def huge_png(width, height):
    rows = zlib.compress(bytes(1 + width // 8) * height, 9)

    def chunk(kind, content):
        return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))

    header = struct.pack(">LL5B", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_000, 40_000])
def test_a_picture_of_a_hundred_megapixels_is_never_unpacked(side, tmp_path):
    (tmp_path / "a.png").write_bytes(huge_png(side, side))
    record = picture_file(tmp_path / "a.png")
    tracemalloc.start()
    with pytest.raises(Refused, match="more than 36 megapixels"):
        picture.decode(picture.read_bytes(record), record)
    assert tracemalloc.get_traced_memory()[1] < 30 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(50), b"\xff\xd8\xff\xe0" + bytes(99), "cut"]
)
def test_damaged_pictures_are_refused(content, tmp_path):
    path = tmp_path / "a.png"
    if content == "cut":
        scenes.picture(1).save(path)
        content = path.read_bytes()[:2000]
    path.write_bytes(content)
    record = picture_file(path)
    with pytest.raises(Refused, match="damaged picture"):
        picture.decode(picture.read_bytes(record), record)


@pytest.mark.parametrize("name", ["gone.png", "folder"])
def test_pictures_that_are_no_files(name, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(Refused, match="missing picture"):
        picture.read_bytes(picture_file(tmp_path / name))


def test_formats_that_cannot_be_told_are_asked_for(folder, tmp_path):
    with pytest.raises(UserError, match=r"no annotations of a known format.*--format"):
        read(folder)
    with pytest.raises(UserError, match="no such file or folder"):
        read(tmp_path / "gone")
    scenes.voc(folder, {"a.png": BALL})
    scenes.yolo(folder, {"a.png": BALL})
    with pytest.raises(UserError, match="several formats: voc, yolo"):
        read(folder)
    assert list(read(folder, kind="voc")[0]) == ["a.png"]
