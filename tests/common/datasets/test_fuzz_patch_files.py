"""Reads damaged patch files in bulk, in a separate process, because a crash in HDF5's C code would end the tests."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from ...tiny import ROOT

PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from common.datasets.patch_file import read_patches, stored_patches, task_of
from common.errors import UserError
from dataset_tools.inspection import file_statistics
from tests.fuzzing import mutated, survives

folder, seed, count = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
path = folder / "mutated.h5"

def read(content):
    path.write_bytes(content)
    try:
        task = task_of(path)
        file_statistics.gather(path, task)
        read_patches(path, task)
    finally:
        stored_patches([path], "classification").X[:]

bases = [base.read_bytes() for base in sorted(folder.glob("base*.h5"))]
print(dict(survives(mutated(seed, bases, count), read)))
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def write_bases(folder: Path) -> None:
    """Writes files of every version and layout that the reader supports."""
    generator = np.random.default_rng(0)
    X, y = generator.integers(0, 256, (12, 16, 16, 1), dtype=np.uint8), np.arange(12) % 2
    names = np.array(["log ä", "b", "c"] * 4, dtype=object)
    with h5py.File(folder / "base0.h5", "w") as file:
        file["X"], file["y"], file["inside/X"] = X, y, X
        file["link"], file["elsewhere"] = h5py.SoftLink("/inside/X"), h5py.ExternalLink("other.h5", "/X")
        file.attrs["pointer"] = file["y"].ref
    with h5py.File(folder / "base1.h5", "w") as file:
        file.create_dataset("X", data=X, chunks=(4, 16, 16, 1), compression="gzip")
        file.create_dataset("y", data=y.astype("f4")[:, None], chunks=(5, 1), compression="gzip")
        file["recording"], file["camera"] = names, np.array([b"top"] * 12)
        file.attrs["note"], file.attrs["list"] = "hello", [1, 2, 3]
    with h5py.File(folder / "base2.h5", "w", libver="latest") as file:
        file.create_dataset("X", data=X, chunks=(4, 16, 16, 1), compression="gzip", shuffle=True, fletcher32=True)
        file["y"], file["recording"] = generator.uniform(0.2, 0.6, (12, 3)), names
        file.attrs["long"] = "x" * 100
    with h5py.File(folder / "base3.h5", "w", libver="latest") as file:
        file.create_dataset("X", data=X, chunks=True, maxshape=(None, 16, 16, 1), compression="lzf")
        file.create_dataset("y", data=y, maxshape=(None,), chunks=(4,))
        file.create_dataset("recording", data=names, chunks=(4,), compression="gzip", dtype=h5py.string_dtype())
    with h5py.File(folder / "base4.h5", "w") as file:
        file["a/X"], file["y"] = X, y
        file["X"] = file["a/X"]


def fuzz(folder: Path, seed: int, count: int) -> tuple[str, int]:
    """Returns the program's output (how many files were read and how many refused) and its peak memory in kB."""
    write_bases(folder)
    command = [sys.executable, "-X", "faulthandler", "-c", PROGRAM, str(ROOT), str(folder), str(seed), str(count)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=850)
    assert found.returncode == 0, found.stderr[-2000:]
    counts, peak = found.stdout.splitlines()
    return counts, int(peak)


def test_some_damaged_files_are_read_or_refused(tmp_path):
    counts, _ = fuzz(tmp_path, 7, 60)
    assert "refused" in counts


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_thousands_of_damaged_files_are_read_or_refused(tmp_path, seed):
    counts, peak = fuzz(tmp_path, seed, 1000)
    assert "refused" in counts
    assert peak < 400_000
