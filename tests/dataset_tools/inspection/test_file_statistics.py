"""The statistics of a patch file are correct, and warnings show what is wrong with the file."""

import h5py
import numpy as np
import pytest

from dataset_tools.building.patch_writer import write_patches
from dataset_tools.inspection import file_statistics

from .textured_patches import circles, textured


def test_warnings(tmp_path):
    X = textured(100)
    X[10:20] = X[:10]  # repeated
    X[20:30] = 255  # saturated, flat, and repeated
    ramp = np.linspace(0, 200, 16).astype(np.uint8)
    X[30:40, ..., 0] = ramp  # blurred
    path = tmp_path / "odd.h5"
    write_patches(path, X, np.arange(100) < 5, recording=["large"] * 80 + ["small"] * 20)
    found = file_statistics.warnings(file_statistics.gather(path, "classification"))
    assert found == [
        "imbalance: 5.0% of the patches are balls",
        "exact duplicates: 28 of 100 patches (28.0%)",
        "saturated: 10 of 100 patches (10.0%)",
        "blurred: 10 of 100 patches (10.0%)",
        "flat: 10 of 100 patches (10.0%)",
        "recording 'large' is 80% of the file",
    ]


def test_mixed_up_columns_and_centres_outside_the_patch_give_warnings(tmp_path):
    path = tmp_path / "mixed.h5"
    with h5py.File(path, "w") as file:
        file["X"], file["y"] = textured(200), circles(200)[:, [1, 2, 0]]
    found = file_statistics.warnings(file_statistics.gather(path, "detection"))
    assert "look like [x, y, radius]" in found[0]
    y = circles(50)
    y[3, 1] = 1.1
    write_patches(tmp_path / "outside.h5", textured(50), y)
    found = file_statistics.warnings(file_statistics.gather(tmp_path / "outside.h5", "detection"))
    assert "balls whose centre is outside the patch: 1" in found


@pytest.mark.parametrize(("size", "channels"), [(16, 1), (16, 2), (32, 2)])
def test_the_brightness_statistics_do_not_depend_on_the_block_size(tmp_path, monkeypatch, size, channels):
    X = textured(25, size, channels)
    X[3, :5] = 250
    write_patches(tmp_path / "a.h5", X, np.arange(25) % 2)
    whole = file_statistics.gather(tmp_path / "a.h5", "classification")
    monkeypatch.setattr(file_statistics, "BLOCK", 7)
    found = file_statistics.gather(tmp_path / "a.h5", "classification")
    luma = X[..., 0].astype(float)
    assert found.brightness == pytest.approx(luma.mean((1, 2)))
    assert found.contrast == pytest.approx(luma.std((1, 2)))
    assert found.saturated == pytest.approx((luma >= 250).mean((1, 2)))
    for name in ("brightness", "contrast", "saturated", "sharpness", "content"):
        assert np.array_equal(getattr(found, name), getattr(whole, name))


def test_sharpness_falls_with_blur_and_does_not_depend_on_brightness_and_contrast():
    noise = np.random.default_rng(0).integers(60, 200, (50, 16, 16)).astype(np.uint8)
    sharp = file_statistics.sharpness(noise)
    assert sharp.mean() == pytest.approx(1, abs=0.1)
    assert file_statistics.sharpness(noise // 2 + 100) == pytest.approx(sharp, rel=0.02)
    blurred = sum(np.roll(noise, (dy, dx), (1, 2)).astype(int) for dy in (-1, 0, 1) for dx in (-1, 0, 1)) // 9
    assert (file_statistics.sharpness(blurred.astype(np.uint8)) < sharp / 3).all()
    ramp = np.tile(np.arange(0, 160, 10, dtype=np.uint8), (1, 16, 1))
    assert file_statistics.sharpness(ramp) == pytest.approx([0], abs=1e-6)
    assert file_statistics.sharpness(np.full((1, 16, 16), 9, np.uint8)).tolist() == [0]


def test_groups_add_up_and_patches_of_two_files_are_compared_pixel_by_pixel(tmp_path):
    X, y = textured(60), np.arange(60) % 3 == 0
    columns = {"recording": [f"log {6 - k % 7}" for k in range(60)], "camera": ["top", "bottom"] * 30}
    write_patches(tmp_path / "one.h5", X, y, **columns)
    X[5:, 0, 0] ^= 1
    write_patches(tmp_path / "other.h5", X[:40], y[:40])
    one, other = (file_statistics.gather(tmp_path / f"{name}.h5", "classification") for name in ("one", "other"))
    assert (file_statistics.shared(one, other), file_statistics.shared(other, one)) == (5, 5)
    assert set(one.groups) == {"recording", "camera"}
    assert not other.groups
    for key, groups in (("recording", 7), ("camera", 2)):
        names, patches, balls, brightness = zip(*file_statistics.group_table(one, key), strict=True)
        assert (len(set(names)), sum(patches), sum(balls)) == (groups, 60, 20)
        assert list(patches) == sorted(patches, reverse=True)
        assert np.average(brightness, weights=patches) == pytest.approx(one.brightness.mean())
