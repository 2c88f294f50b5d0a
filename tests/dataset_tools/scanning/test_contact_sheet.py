"""A sheet shows every entry in the middle of a cell, with its surroundings and its caption."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dataset_tools.annotations.record import Record
from dataset_tools.scanning.circles import COLOUR
from dataset_tools.scanning.contact_sheet import CAPTION, CELL, COLUMNS, GAP, save


def drawn(path, entries):
    save(path, iter(entries), ImageDraw.ImageDraw.ellipse)
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


def cell(sheet, number):
    left, top = number % COLUMNS * (CELL + GAP) + GAP, number // COLUMNS * (CELL + CAPTION + GAP) + GAP
    return sheet[top : top + CELL, left : left + CELL]


def patches(count):
    """Makes uniform patches, as if read from a patch file; each patch is brighter than the previous patch."""
    record = Record("p.h5", (), False, recording="\x1b[31m" + "x" * 100, patch="rows")
    return [(record, np.full((16, 16, 1), number, np.uint8), (5, 8, 8), 0.5) for number in range(count)]


@pytest.mark.parametrize("count", [1, COLUMNS, COLUMNS + 1, 3 * COLUMNS])
def test_entries_are_in_reading_order(tmp_path, count):
    sheet = drawn(tmp_path / "a.png", patches(count))
    rows = -(-count // COLUMNS)
    assert sheet.shape[:2] == (rows * (CELL + CAPTION + GAP) + GAP, COLUMNS * (CELL + GAP) + GAP)
    assert all((cell(sheet, number) == number).all() for number in range(count))
    if count % COLUMNS:
        assert (cell(sheet, count) == 255).all()


def test_the_caption_depends_on_the_recording_and_on_the_picture(tmp_path):
    names = [("game", "0000001_top"), ("game", "0000002_top"), ("other", "0000001_top")]
    X = np.zeros((16, 16, 1), np.uint8)
    entries = [(Record(name, (), False, recording=game, patch="rows"), X, (5, 8, 8), 0.5) for game, name in names]
    sheet = drawn(tmp_path / "a.png", entries)[GAP + CELL : GAP + CELL + CAPTION]
    captions = [sheet[:, GAP + number * (CELL + GAP) :][:, :CELL] for number in range(3)]
    assert (captions[0] != captions[1]).any()
    assert (captions[0] != captions[2]).any()


def test_a_sheet_without_entries_says_so(tmp_path):
    sheet = drawn(tmp_path / "a.png", [])
    assert sheet.min() < 100


def test_a_ball_is_in_the_middle_of_its_cell_even_at_the_edge(tmp_path):
    path = tmp_path / "a.png"
    image = Image.new("RGB", (320, 240), (10, 120, 10))
    places = [(20, 160, 120), (20, 5, 5)]
    for radius, x, y in places:
        ImageDraw.Draw(image).circle((x, y), radius, fill=(250, 250, 250))
    image.save(path)
    record = Record("a.png", (), False, None, path)
    X = np.zeros((16, 16, 1), np.uint8)
    sheet = drawn(tmp_path / "sheet.png", [(record, X, place, 0.9) for place in places])
    for number in range(2):
        shown = cell(sheet, number)
        assert (shown[CELL // 2, CELL // 2] > 240).all()
        marked = np.argwhere((shown == COLOUR).all(-1))
        assert marked.mean(0) == pytest.approx([CELL / 2, CELL / 2], abs=1)
        assert marked.min() == pytest.approx(CELL / 2 * (1 - 1 / 1.8), abs=1)


def test_a_picture_that_is_gone_is_shown_as_the_network_saw_it(tmp_path):
    record = Record("gone.png", (), False, None, tmp_path / "gone.png")
    sheet = drawn(tmp_path / "a.png", [(record, np.full((16, 16, 2), 77, np.uint8), (5, 8, 8), 0.9)])
    assert (cell(sheet, 0) == 77).all()
