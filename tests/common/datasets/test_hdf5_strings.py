"""Damaged heaps of strings are refused, because HDF5 would never stop reading them."""

import subprocess
import sys

import numpy as np
import pytest

from common.errors import UserError

from .hostile_files import LABELS, READERS, N
from .small_patches import pixels, raw


@pytest.mark.timeout(60)
@pytest.mark.parametrize("reader", READERS)
def test_a_heap_that_hdf5_would_walk_for_ever_is_refused(tmp_path, reader):
    path = raw(tmp_path / "a.h5", X=pixels(N), y=LABELS, recording=np.array(["a", "b"] * (N // 2), dtype=object))
    content = path.read_bytes()
    at = content.index(b"GCOL") + 16
    while int.from_bytes(content[at : at + 2], "little"):  # go to the free space at the end of the heap
        at += 16 + -(-int.from_bytes(content[at + 8 : at + 16], "little") // 8) * 8
    path.write_bytes(content[: at + 8] + bytes(8) + content[at + 16 :])  # and set the size of this space to 0
    program = "import h5py, sys; h5py.File(sys.argv[1])['recording'][:]"
    with pytest.raises(subprocess.TimeoutExpired):  # plain h5py never stops reading
        subprocess.run([sys.executable, "-c", program, str(path)], timeout=3)
    with pytest.raises(UserError, match="the objects of a heap do not fit into it"):
        READERS[reader](path)
