"""Frame, camera and recording are read from the names that people and programs give to pictures."""

import re
from pathlib import Path

import pytest

from dataset_tools.annotations.picture_names import camera_of, frame_of, label_of, labels_of, number_of, recording_of
from dataset_tools.annotations.record import Place, Record
from dataset_tools.sources.labels import Refused


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("game-000123.png", 123),
        ("2026-11-03/half1/top_7.jpg", 7),
        ("game12.png", 12),
        ("12/picture.png", -1),
        ("a.png", -1),
        ("12345678901.png", -1),  # a time stamp
        ("", -1),
    ],
)
def test_the_frame_is_the_last_number_of_the_file_name(name, frame):
    assert frame_of(name) == frame


@pytest.mark.parametrize(
    ("name", "camera"),
    [
        ("top/game-1.png", "top"),
        ("game_lower_1.png", "bottom"),
        ("Upper/1.png", "top"),
        ("topics/1.png", ""),
        ("stop-1.png", ""),
        ("top/BOTTOM-1.png", "bottom"),
        ("top/bottom/top_1.png", "top"),
        ("1.png", ""),
    ],
)
def test_the_camera_is_the_last_word_that_names_one(name, camera):
    assert camera_of(name) == camera


def test_the_number_of_a_record_in_a_log_is_its_frame():
    log = Record("top 7", (), True, place=Place(0, 9, "ImageTop", 7))
    assert number_of(log) == number_of(log, 3) == 7
    assert number_of(log._replace(patch="rows"), 3) == 10
    assert number_of(Record("game-5.png", (), True), 3) == 5


def test_a_source_is_named_after_its_file_or_the_nearest_folder_that_is_not_generic(tmp_path):
    (tmp_path / "field 3" / "images" / "train").mkdir(parents=True)
    assert label_of(tmp_path / "field 3" / "images" / "train") == "field 3"
    assert label_of(tmp_path / "field 3" / "annotations" / "instances_default.json") == "field 3"
    assert label_of(tmp_path / "field 3" / "boxes.json") == "boxes"
    assert label_of(Path("/")) == ""


def test_sources_of_the_same_name_are_numbered():
    paths = [Path(name) for name in ("/one/a.json", "/two/a.json", "/one/b.json", "/three/a.json")]
    names = labels_of(paths)
    assert names == ["a", "a-2", "b", "a-3"]


@pytest.mark.parametrize(
    ("name", "recording"),
    [
        ("1.png", "field"),
        ("game-000123.png", "field_game"),
        ("half-time.png", "field"),
        ("images/2026/game-1.png", "field_2026_game"),
        ("ball/1.png", "field"),  # a class folder is not a recording
    ],
)
def test_a_recording_is_named_after_its_source_its_folders_and_its_game(name, recording):
    assert recording_of(Record(name, (), True), "field", None) == recording


def test_all_frames_of_a_log_are_one_recording():
    log = Record("top 7", (), True, recording="x", place=Place(0, 9, "ImageTop", 7))
    assert recording_of(log, "game", None) == "game"


def test_a_pattern_gives_the_recording_and_a_name_without_a_match_is_refused():
    record = Record("2026-11-03_x/1.png", (), True)
    assert recording_of(record, "field", re.compile(r"\d{4}-(\d\d)")) == "11"
    assert recording_of(record, "field", re.compile(r"\d{4}")) == "2026"
    assert recording_of(record, "field", re.compile("(z?)")) == "field"
    with pytest.raises(Refused, match="name does not match --recording"):
        recording_of(record, "field", re.compile("game"))
