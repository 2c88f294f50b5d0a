"""A false alarm becomes a negative if all balls in its picture are known and it touches none of them."""

import json
import zipfile
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from dataset_tools.annotations.record import Box, Record
from dataset_tools.mining.certified_negatives import certified_frames, free_of_balls, write_negatives
from dataset_tools.mining.ranking import Choice
from dataset_tools.scanning.scan import Found
from dataset_tools.sources.patch_sources import Skipped, naoth_chunks, read
from tests.dataset_tools.annotations import scenes

BOXES = np.array([[0, 0, 40, 40], [90, 90, 130, 130], [139, 80, 179, 120], [200, 20, 260, 80]])
BALL = Box("ball", 100, 80, 130, 110)


def found(boxes=(), certified=True, size=(320, 240), record_size=None):
    record = Record("a.png", tuple(boxes), certified, record_size)
    return Found(record, BOXES, np.zeros((4, 16, 16, 1), np.uint8), size)


def test_candidates_that_touch_a_ball_are_not_certain():
    assert free_of_balls(found([BALL])).tolist() == [True, False, True, True]
    assert free_of_balls(found([BALL, Box("robot", 0, 0, 300, 200)])).tolist() == [True, False, True, True]
    assert free_of_balls(found([BALL, Box("ignore", 30, 30, 50, 50)])).tolist() == [False, False, True, True]
    in_fractions = Box("ball", 100 / 320, 80 / 240, 130 / 320, 110 / 240)
    assert free_of_balls(found([in_fractions], record_size=(1, 1))).tolist() == [True, False, True, True]


@pytest.mark.parametrize("certified", [True, False])
def test_a_picture_without_boxes_is_free_of_balls_only_if_it_is_certified(certified):
    assert free_of_balls(found(certified=certified)).tolist() == [certified] * 4
    assert free_of_balls(found(certified=certified, size=None)).tolist() == [certified] * 4


@pytest.mark.parametrize(
    ("box", "record_size"),
    [
        (Box("ball", 400, 20, 500, 60), None),  # the box is outside the picture, so the ball may be anywhere
        (Box("ball", 10, 10, 5, 5), None),
        (BALL, (320, 100)),  # the aspect ratio of the annotated picture differs from this picture's
    ],
)
def test_nothing_is_certain_if_a_ball_may_be_anywhere(box, record_size):
    assert not free_of_balls(found([BALL, box], record_size=record_size)).any()


def test_annotated_pictures_count_if_every_ball_has_a_box_and_others_if_the_user_says_so(tmp_path):
    folder = scenes.write_pictures(tmp_path / "field")
    scenes.write_pictures(tmp_path / "hall", {"1.png": []})
    boxes = json.loads((source := scenes.coco(folder)).read_text())
    boxes["annotations"].append(boxes["annotations"][0] | {"image_id": 0, "bbox": None})  # game1-000001.png
    source.write_text(json.dumps(boxes))
    items = list(certified_frames([source], [tmp_path / "hall"]))
    skipped = [item.name for item in items if isinstance(item, Skipped)]
    records = [item for item in items if isinstance(item, Record)]
    assert sorted(skipped) == ["game1-000001.png", "game2-000001.png"]  # the second picture is listed without a box
    assert {item.name for item in records} == {*scenes.SCENES, "1.png"} - set(skipped)
    assert all(item.certified for item in records)


@pytest.fixture
def alarm(tmp_path):
    """A function that makes a false alarm with the given box in a picture."""
    scenes.picture(1).save(tmp_path / "game-1.png")

    def make(*box, camera="top", recording="game", name="game-1.png"):
        record = Record(name, (), True, None, tmp_path / "game-1.png", camera, recording)
        return Choice(1.0, record, 0, box, np.zeros((16, 16, 1)), np.array([0.9]), (320, 240), ())

    return make


def test_builds_can_read_negatives_as_patches_of_their_recording(tmp_path, alarm):
    root = tmp_path / "root"
    alarms = [alarm(10, 20, 50, 60), alarm(100, 20, 130, 50, camera=""), alarm(5, 5, 25, 25, camera="bottom")]
    alarms.append(alarm(0, 0, 30, 31))  # this patch is not square, because its border is cut off at the picture's edge
    assert write_negatives(root, alarms) == 3
    assert {path.relative_to(root).as_posix() for path in root.rglob("*.zip")} == {
        "top/game-false-alarms.zip",
        "bottom/game-false-alarms.zip",
    }
    patches = [patch for chunk in naoth_chunks(root, 0) for patch in read(chunk, sha256())]
    assert [(patch.camera, patch.recording, patch.facts.ball, patch.side) for patch in patches] == [
        ("top", "game", 0, 40),
        ("top", "game", 0, 30),
        ("bottom", "game", 0, 20),
    ]
    with Image.open(tmp_path / "game-1.png") as image:
        pixels = np.asarray(image)[20:60, 10:50]
    assert np.array_equal(patches[0].rgbx & 255, pixels[..., 0])


def test_earlier_negatives_are_kept(tmp_path, alarm):
    for _ in range(3):
        assert write_negatives(tmp_path / "root", [alarm(10, 20, 50, 60)]) == 1
    names = {path.name for path in (tmp_path / "root").rglob("*.zip")}
    assert names == {"game-false-alarms.zip", "game-false-alarms-2.zip", "game-false-alarms-3.zip"}


def test_a_recording_with_an_odd_name_stays_in_the_root(tmp_path, alarm):
    root = tmp_path / "deep" / "root"
    assert write_negatives(root, [alarm(10, 20, 50, 60, recording="../../x\x1b", name="../../y.png")]) == 1
    (path,) = tmp_path.rglob("*.zip")
    assert path.parent == root / "top"
    assert path.name.isprintable()
    with zipfile.ZipFile(path) as archive:
        assert not any(".." in name.split("/") for name in archive.namelist())


def test_a_root_that_cannot_be_written_to_is_a_user_error(tmp_path, alarm):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"choose another --negatives\.$"):
        write_negatives(tmp_path / "file" / "root", [alarm(10, 20, 50, 60)])
