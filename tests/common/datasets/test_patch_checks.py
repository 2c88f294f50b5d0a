"""Files that are not patch files are refused with a one-line error. Unusual but valid files are read."""

import subprocess
import sys

import numpy as np
import pytest

from common.datasets.patch_file import read_patches
from common.errors import UserError
from dataset_tools.building.patch_writer import write_patches

from .small_patches import circles, pixels, raw


def bad_label(index, value, count=6):
    y = circles(count)
    y[index] = value
    return y


BAD = {
    "no X": ({"y": np.zeros(6)}, "classification", r"has no X\. Received: keys \['y'\]"),
    "no y": ({"X": pixels()}, "classification", r"has no y\. Received: keys \['X'\]"),
    "float X": (
        {"X": pixels() / 255, "y": np.zeros(6)},
        "classification",
        r"uint8 .* Received: float64 .* Store the raw",
    ),
    "int X": ({"X": pixels().astype("i4"), "y": np.zeros(6)}, "classification", r"uint8 .* Received: int32"),
    "3 dims": ({"X": pixels()[..., 0], "y": np.zeros(6)}, "classification", r"Received: uint8 \[6, 16, 16\]\."),
    "not square": (
        {"X": pixels()[:, :8], "y": np.zeros(6)},
        "classification",
        r"16x16 or 32x32 .* Received: uint8 \[6, 8, 16, 1\]",
    ),
    "24": ({"X": pixels(side=24), "y": np.zeros(6)}, "classification", r"Received: uint8 \[6, 24, 24, 1\]"),
    "RGB": (
        {"X": pixels(channels=3), "y": np.zeros(6)},
        "classification",
        r"1 channel .* Received: uint8 \[6, 16, 16, 3\]",
    ),
    "lengths": ({"X": pixels(), "y": np.zeros(5)}, "classification", r"Received: float64 \[5\] for 6 patches"),
    "scalar y": ({"X": pixels(), "y": np.float32(1)}, "classification", r"Received: float32 \[\] for 6 patches"),
    "empty": ({"X": pixels()[:0], "y": np.zeros(0)}, "classification", r"Received: uint8 \[0, 16, 16, 1\]"),
    "NaN": (
        {"X": pixels(), "y": np.array([0, 1, np.nan, 0, 0, 1])},
        "classification",
        r"0 or 1\. Received: nan at index 2",
    ),
    "label 2": (
        {"X": pixels(), "y": np.array([0, 1, 2, 0, 2, 1])},
        "classification",
        r"0 or 1\. Received: 2\.0 at index 2 \(2",
    ),
    "label 0.5": ({"X": pixels(), "y": np.full(6, 0.5)}, "classification", r"0 or 1\. Received: 0.5"),
    "words": ({"X": pixels(), "y": np.array([b"a"] * 6)}, "classification", r"must be numbers .* Received: \|S1"),
    "is detection": ({"X": pixels(), "y": circles(6)}, "classification", r"This is a detection file"),
    "is classification": ({"X": pixels(), "y": np.zeros((6, 1))}, "detection", r"This is a classification file"),
    "4 columns": (
        {"X": pixels(), "y": np.zeros((6, 4))},
        "detection",
        r"\[radius, center_x, center_y\]\. Received: float64 \[6, 4\]",
    ),
    "inf": ({"X": pixels(), "y": bad_label((1, 1), np.inf)}, "detection", r"Received: \[.*inf.*\] at index 1"),
    "radius 0": ({"X": pixels(), "y": bad_label((1, 0), 0)}, "detection", r"index 1 \(1 such"),
    "radius 1.2": ({"X": pixels(), "y": bad_label((2, 0), 1.2)}, "detection", r"index 2 \(1 such"),
    "pixels": ({"X": pixels(), "y": circles(6) * 16}, "detection", r"in fractions of the patch"),
    "centre": ({"X": pixels(), "y": bad_label((3, 2), -0.3)}, "detection", r"index 3"),
    "recordings": (
        {"X": pixels(), "y": np.zeros(6), "recording": np.array([b"a"] * 5)},
        "classification",
        r"recording .*\(6\).*\(5,\)",
    ),
    "cameras": (
        {"X": pixels(), "y": np.zeros(6), "camera": np.arange(6)},
        "classification",
        r"camera must hold one string per patch .* Received: int64 \(6,\)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_in_one_line_that_names_file_and_fault(tmp_path, case):
    datasets, task, message = BAD[case]
    path = raw(tmp_path / "bad.h5", **datasets)
    with pytest.raises(UserError, match=message) as caught:
        read_patches(path, task)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "Received" in str(caught.value)


@pytest.mark.parametrize(
    "case", [case for case in BAD if set(BAD[case][0]) == {"X", "y"} and case not in ("words", "scalar y")]
)
def test_patches_that_could_not_be_read_are_not_written(tmp_path, case):
    datasets, _, _ = BAD[case]
    if "is " in case:
        return  # a valid file, but for the other task
    with pytest.raises(UserError):
        write_patches(tmp_path / "a.h5", datasets["X"], datasets["y"])
    assert not list(tmp_path.iterdir())


def test_not_a_file_and_not_hdf5(tmp_path):
    (tmp_path / "page.h5").write_text("<html>404</html>")
    (tmp_path / "zero.h5").touch()
    write_patches(tmp_path / "good.h5", pixels(500), np.zeros(500))
    content = (tmp_path / "good.h5").read_bytes()
    (tmp_path / "half.h5").write_bytes(content[: len(content) // 2])
    for name, message in {
        "page.h5": "not an HDF5 file. Received: first bytes b'<html>40'",
        "zero.h5": r"not an HDF5 file\. Received: an empty file",
        "half.h5": "damaged or incomplete",
        "missing.h5": "does not exist",
        "": "is a folder",
    }.items():
        with pytest.raises(UserError, match=message):
            read_patches(tmp_path / name, "classification")


def test_a_file_that_another_program_writes_is_not_called_damaged(tmp_path):
    write_patches(tmp_path / "good.h5", pixels(6), np.zeros(6))
    program = "import h5py, sys; file = h5py.File(sys.argv[1], 'r+'); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(tmp_path / "good.h5")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        with pytest.raises(UserError, match="is open for writing in another program"):
            read_patches(tmp_path / "good.h5", "classification")
        writer.stdin.close()
    assert len(read_patches(tmp_path / "good.h5", "classification")) == 6


@pytest.mark.parametrize("count", [60, 300, 3000])
@pytest.mark.parametrize(("columns", "seen"), [((1, 2, 0), r"\[x, y, radius\]"), ((1, 0, 2), r"\[x, radius, y\]")])
def test_mixed_up_columns_are_refused(tmp_path, count, columns, seen):
    path = raw(tmp_path / "a.h5", X=pixels(count), y=circles(count)[:, columns])
    with pytest.raises(UserError, match=f"look like {seen}, expected"):
        read_patches(path, "detection")


@pytest.mark.parametrize("count", [1, 5, 30, 60, 300, 3000])
@pytest.mark.parametrize("seed", range(5))
def test_the_correct_order_is_accepted(tmp_path, count, seed):
    path = raw(tmp_path / "a.h5", X=pixels(count), y=circles(count, seed))
    assert len(read_patches(path, "detection")) == count


@pytest.mark.parametrize(
    "columns",
    [
        (0.5, 0.5, 0.5),  # the same circle in every patch, as in a frozen scene
        (0.45, (0.4, 0.6), 0.42),  # all balls are at the same height
        ((0.1, 0.2), (0.2, 0.8), (0.2, 0.8)),  # a wide border
        ((0.4, 0.55), (0.3, 0.7), (0.3, 0.6)),  # large balls, a little above the middle
        ((0.3, 0.9), (0.45, 0.55), (0.45, 0.55)),  # balls of all sizes, in the middle
    ],
)
def test_unusual_valid_labels_are_accepted(tmp_path, columns):
    generator = np.random.default_rng(1)
    y = [generator.uniform(*c, 500) if isinstance(c, tuple) else np.full(500, c) for c in columns]
    path = raw(tmp_path / "a.h5", X=pixels(500), y=np.column_stack(y))
    assert len(read_patches(path, "detection")) == 500
