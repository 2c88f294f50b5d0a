"""Patch files are written completely or not at all, and identical content gives identical bytes."""

import subprocess
import sys

import numpy as np
import pytest

from common.errors import UserError
from dataset_tools.building.patch_writer import write_patches

from ...common.datasets.small_patches import pixels


def test_identical_content_gives_identical_bytes(tmp_path, monkeypatch):
    arguments = {"recording": ["r"] * 2000, "camera": ["top"] * 2000}
    write_patches(
        tmp_path / "a.h5", pixels(2000), np.arange(2000) % 2, **arguments, attributes={"b": 1, "a": {"y": 1, "x": 2}}
    )
    monkeypatch.setattr("time.time", lambda: 0.0)
    write_patches(
        tmp_path / "b.h5", pixels(2000), np.arange(2000) % 2, **arguments, attributes={"a": {"x": 2, "y": 1}, "b": 1}
    )
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    class Broken:
        shape, dtype = (5000, 16, 16, 1), np.dtype(np.uint8)

        def __len__(self):
            return 5000

        def __getitem__(self, rows):
            if rows.start:
                raise OSError(28, "No space left on device")
            return np.zeros((rows.stop - rows.start, 16, 16, 1), np.uint8)

    path = tmp_path / "a.h5"
    write_patches(path, pixels(), np.zeros(6))
    before = path.read_bytes()
    with pytest.raises(UserError, match="No space left"):
        write_patches(path, Broken(), np.zeros(5000))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_gives_one_line_and_does_not_crash_python(tmp_path):
    """A limit on the file size acts like a full disk. If HDF5 wrote the file itself, a full disk would crash Python."""
    write = (
        "import resource, sys, numpy as np\n"
        "from dataset_tools.building.patch_writer import write_patches\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "X = np.random.default_rng(0).integers(0, 256, (int(sys.argv[2]), 16, 16, 1), dtype=np.uint8)\n"
        "try: write_patches(sys.argv[1], X, np.zeros(len(X)))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    path = tmp_path / "out.h5"
    for count in (2000, 780, 740):  # the limit is reached inside the pixels, at the end of the pixels, or never
        done = subprocess.run(
            [sys.executable, "-c", write, str(path), str(count)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == (
            ""
            if count == 740
            else f"UserError {path} cannot be written: File too large. Make room or choose another folder.\n"
        )
        assert [file.name for file in tmp_path.iterdir()] == (["out.h5"] if count == 740 else [])
