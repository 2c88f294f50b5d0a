"""The picture of a patch file shows patches of every kind, and has the same content each time."""

import numpy as np
from PIL import Image

from dataset_tools.building.patch_writer import write_patches
from dataset_tools.inspection import file_statistics, sheet

from .textured_patches import circles, textured


def test_no_patch_is_shown_twice(tmp_path):
    write_patches(tmp_path / "a.h5", textured(30), circles(30))
    rows = sheet._choose(file_statistics.gather(tmp_path / "a.h5", "detection"), np.random.default_rng(0))
    balls = np.concatenate([indices for name, indices in rows if name == "balls"])
    assert sorted(balls) == list(range(30))


def test_unusual_names_cause_no_warning_and_drawing_twice_gives_the_same_bytes(tmp_path):
    names = ["\x1b[31mred", "$x^2$", "球", "x" * 300, "a\nb", "", *map(str, range(50))]
    X = textured(112)
    X[:10] = 255  # saturated and repeated
    X[20:30, ..., 0] = np.arange(0, 160, 10)  # blurred
    write_patches(tmp_path / "a.h5", X, np.arange(112) % 3 == 0, recording=names * 2)
    statistics = file_statistics.gather(tmp_path / "a.h5", "classification")
    for name in ("one", "two"):
        sheet.draw(statistics, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with Image.open(tmp_path / "one") as picture:
        assert picture.height > picture.width / 2


def test_every_kind_of_patch_has_its_row(tmp_path):
    X = textured(100)
    X[10:20] = X[:10]
    X[30:60] = 255
    X[30:60, 8, 8, 0] = range(30)
    write_patches(tmp_path / "a.h5", X, np.arange(100) < 70)
    statistics = file_statistics.gather(tmp_path / "a.h5", "classification")
    rows = sheet._choose(statistics, np.random.default_rng(0))
    assert [name for name, _ in rows] == ["balls", "balls", "no ball", "no ball", "saturated", "repeated"]
    assert all(0 < len(indices) <= sheet.COLUMNS for _, indices in rows)
    shown = {name: {int(index) for other, indices in rows if other == name for index in indices} for name, _ in rows}
    assert shown["repeated"] == set(range(10, 20))
    assert shown["saturated"] <= set(range(30, 60))
    assert shown["balls"] <= set(range(70))
    assert shown["no ball"] == set(range(70, 100))
