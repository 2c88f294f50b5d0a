"""Pictures and patches of any source are read once, in order, with their camera, recording and frame."""

import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from dataset_tools.annotations.picture_names import number_of
from dataset_tools.annotations.record import Record
from dataset_tools.scanning.frames import PATCH_SIDE_MAX, ROWS, frames, is_patch
from dataset_tools.sources.patch_sources import Skipped
from tests.dataset_tools.annotations import scenes
from tests.dataset_tools.annotations.test_naoth_log import candidate, write_log
from tests.tiny import classification_file


def told(*sources):
    """Returns the name, camera, recording and frame of each picture, and why the others were skipped."""
    items = list(frames(sources))
    records = [item for item in items if isinstance(item, Record)]
    skipped = [item.reason for item in items if isinstance(item, Skipped)]
    return [(item.name, item.camera, item.recording, number_of(item)) for item in records], skipped


@pytest.fixture
def game(tmp_path):
    """A folder of empty files, some of which are named like pictures."""
    folder = tmp_path / "game 1"
    for name in ("top/b-10.png", "top/b-9.JPG", "bottom/a-1.png", "notes.txt", "x.ppm"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_pictures_of_a_folder_and_of_a_zip_are_the_same(game, tmp_path):
    with zipfile.ZipFile(tmp_path / "game 1.zip", "w") as archive:
        for path in sorted(game.rglob("*.*")):
            archive.write(path, path.relative_to(game))
    found, skipped = told(game)
    assert not skipped
    assert sorted(found) == [
        ("bottom/a-1.png", "bottom", "game 1_bottom_a", 1),
        ("top/b-10.png", "top", "game 1_top_b", 10),
        ("top/b-9.JPG", "top", "game 1_top_b", 9),
        ("x.ppm", "", "game 1", -1),
    ]
    assert sorted(told(tmp_path / "game 1.zip")[0]) == sorted(found)
    assert told(game)[0] == found  # the order is the same each time


def test_sources_keep_their_order_and_each_file_is_read_once(game):
    one, other = game / "top" / "b-10.png", game / "bottom"
    found, skipped = told(one, other, game)
    assert [name for name, *_ in found[:2]] == ["b-10.png", "a-1.png"]
    assert len(found) == 4
    assert skipped == ["already read, from another source or under another name"] * 2


def test_patches_of_a_file_come_in_blocks(tmp_path):
    path = classification_file(tmp_path / "top.h5", 2 * ROWS + 50)
    records = list(frames([path]))
    assert [(record.place.offset, record.place.size) for record in records] == [(0, ROWS), (ROWS, ROWS), (2 * ROWS, 50)]
    assert {(record.patch, record.camera, record.recording) for record in records} == {("rows", "top", "top")}
    assert number_of(records[1], 7) == ROWS + 7


def test_the_pictures_of_a_log_are_preferred_to_the_robots_candidates(tmp_path):
    log = write_log(tmp_path / "half1.log", {7: scenes.picture(1), 12: scenes.picture(2)})
    names = [("0000007_top", "top", "half1", 7), ("0000007_bottom", "bottom", "half1", 7)]
    names += [("0000012_top", "top", "half1", 12), ("0000012_bottom", "bottom", "half1", 12)]
    assert told(log) == (names, [])
    candidates = scenes.message(f1=candidate(np.zeros((16, 16, 1), np.uint8), (100, 80, 140, 120), 0))
    log.write_bytes(log.read_bytes() + scenes.entry(13, "BallCandidatesTop", candidates))
    assert told(log)[0] == names
    log.write_bytes(scenes.entry(3, "BallCandidatesTop", candidates))
    (record,) = frames([log])
    assert (record.name, record.patch) == ("0000003_top", "unlabelled")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "no such file or folder"),
        ("pipe.png", "not a plain file or folder"),
        ("new.zip", "not a readable zip file. Received: an empty file"),
        ("empty", "no picture in it"),
        ("a.zip", "not a readable zip file"),
        ("a.h5", "not an HDF5 file"),
        ("empty.zip", "no picture in it"),
    ],
)
def test_a_source_without_pictures_gives_a_one_line_error(tmp_path, name, words):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "new.zip").touch()
    (tmp_path / "a.zip").write_bytes(b"no zip")
    (tmp_path / "a.h5").write_bytes(b"no HDF5")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("notes.txt", "")
    with pytest.raises(UserError, match=words) as caught:
        list(frames([tmp_path / name]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((16, 16), True),
        ((PATCH_SIDE_MAX, PATCH_SIDE_MAX), True),
        ((PATCH_SIDE_MAX + 1, PATCH_SIDE_MAX + 1), False),
        ((16, 17), False),
        ((640, 480), False),
    ],
)
def test_a_small_square_is_a_patch(size, expected):
    assert is_patch(Image.new("RGB", size)) is expected
