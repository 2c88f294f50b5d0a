"""Reading a file takes little memory, regardless of the sizes that the file claims."""

import subprocess
import sys
import textwrap
import zlib

import h5py
import numpy as np
import pytest

from common.datasets import hdf5_column
from common.datasets.patch_file import read_patches
from common.errors import UserError

from ...tiny import ROOT
from .hostile_files import LABELS, TASK, N, with_chunk
from .small_patches import pixels, raw


def peak_mb(program):
    """Runs `program` in a process; returns its peak memory in MB and its last line of output."""
    program = (
        textwrap.dedent(program) + "\nprint(next(x for x in open('/proc/self/status') if x[:6] == 'VmHWM:').split()[1])"
    )
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    *words, peak = found.stdout.splitlines()
    return int(peak) / 1e3, " ".join(words)


def deflate_bomb(path):
    packer = zlib.compressobj(9)
    block = bytes(1 << 24)
    with_chunk(path, b"".join([*(packer.compress(block) for _ in range(64)), packer.flush()]))


def declared(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("X", (10**8, 16, 16, 1), np.uint8, chunks=(1024, 16, 16, 1))
        file.create_dataset("y", (10**8,), np.float64, chunks=(1 << 20,))


def large_chunk(path):
    shape = (1 << 20, 16, 16, 1)  # 268 MB for 40 patches
    with h5py.File(path, "w") as file:
        X = file.create_dataset("X", (N, 16, 16, 1), np.uint8, chunks=shape, maxshape=shape, compression="gzip")
        X[:] = 1
        file["y"] = LABELS


def one_name_for_all(path):
    """Strings of variable length are references; here, 20,000 references point to the same 2 MB."""
    n = 20_000
    with h5py.File(path, "w") as file:
        file["X"], file["y"] = np.zeros((n, 16, 16, 1), "u1"), np.arange(n) % 2
        file.create_dataset("recording", (n,), h5py.string_dtype())[0] = "x" * 2_000_000
        at = file["recording"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[at : at + 16 * n] = content[at : at + 16] * n
    path.write_bytes(content)


def name_of_gigabytes(path):
    """Writes a string of variable length with a claimed size of 2 GB."""
    raw(path, X=pixels(N), y=LABELS, recording=np.array(["a"] * N, dtype=object))
    with h5py.File(path) as file:
        at = file["recording"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[at : at + 4] = (1 << 31).to_bytes(4, "little")
    path.write_bytes(content)


@pytest.mark.parametrize("reader", ["read_patches(path, 'classification')", "stored_patches([path], 'classification')"])
@pytest.mark.parametrize(
    "attack", [deflate_bomb, declared, large_chunk, one_name_for_all, name_of_gigabytes], ids=lambda a: a.__name__
)
def test_a_small_file_takes_little_memory(tmp_path, attack, reader):
    path = tmp_path / "a.h5"
    attack(path)
    peak, words = peak_mb(
        f"""
        from pathlib import Path
        from common.errors import UserError
        from common.datasets.patch_file import read_patches, stored_patches
        path = Path({str(path)!r})
        try:
            {reader}.X[:]
        except UserError as error:
            print("refused:", error)
        """,
    )
    assert words.startswith("refused:")
    assert peak < 250


def test_a_file_that_needs_more_than_the_free_memory_is_not_read(tmp_path, monkeypatch):
    n = 1 << 17
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("X", data=np.zeros((n, 16, 16, 1), "u1"), chunks=(1 << 14, 16, 16, 1), compression="gzip")
        file["y"] = np.arange(n) % 2
    assert (tmp_path / "a.h5").stat().st_size < 3 << 20
    monkeypatch.setattr(hdf5_column, "free_memory", lambda: 30 << 20)
    with pytest.raises(UserError, match=r"does not fit into memory\. Received: 0\.0 GB needed"):
        read_patches(tmp_path / "a.h5", TASK)
