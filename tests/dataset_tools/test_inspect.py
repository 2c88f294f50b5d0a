"""inspect.py describes and draws patch files of any age, task and shape."""

import h5py
import numpy as np
import pytest
from PIL import Image

from dataset_tools import inspect
from dataset_tools.building.patch_writer import write_patches

from .inspection.textured_patches import circles, textured


def shown(path):
    with Image.open(path) as picture:
        return np.array(picture.convert("L"))


def test_old_files_without_recordings(tmp_path, capsys):
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        file["X"], file["y"] = textured(60), (np.arange(60) % 3 == 0).astype("f8")
    assert inspect.main([str(path), "--output-dir", str(tmp_path / "sheets")]) == 0
    out = capsys.readouterr().out
    assert "classification, 60 patches 16x16x1: 20 balls, 40 without" in out
    assert "warning" not in out
    assert shown(tmp_path / "sheets" / "old_sheet.png").std() > 20


@pytest.mark.parametrize(("size", "channels"), [(16, 2), (32, 1), (32, 2)])
def test_detection_files_of_every_shape(tmp_path, capsys, size, channels):
    path = tmp_path / "balls.h5"
    write_patches(path, textured(50, size, channels), circles(50), recording=["a", "b"] * 25, camera=["top"] * 50)
    assert inspect.main([str(path), "--output-dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert f"detection, 50 patches {size}x{size}x{channels}: 50 balls, 0 without" in out
    assert "radius    mean 0.3" in out
    assert (tmp_path / "balls_sheet.png").is_file()
