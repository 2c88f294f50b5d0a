"""Compressed chunks are checked before HDF5 unpacks them."""

import zlib

import h5py
import numpy as np
import pytest

from common.datasets.hdf5_chunks import _lzf_length
from common.datasets.patch_file import read_patches, stored_patches
from common.errors import UserError

from .hostile_files import LABELS, READERS, TASK, N, with_chunk
from .small_patches import pixels


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("compression", "content"),
    [("gzip", zlib.compress(b"short")), ("lzf", b"\4short"), ("gzip", zlib.compress(bytes(N * 256 + 1)))],
)
def test_a_chunk_of_the_wrong_size_does_not_reveal_the_memory_of_this_process(tmp_path, compression, content, reader):
    path = with_chunk(tmp_path / "a.h5", content, compression)
    with h5py.File(path) as file:
        assert file["X"][:].size == N * 256  # plain h5py also returns bytes that are not in the file
    with pytest.raises(UserError, match=f"a chunk does not unpack to {N * 256} bytes"):
        READERS[reader](path)


def test_the_length_of_an_lzf_stream_is_what_h5py_unpacks(tmp_path):
    X = np.repeat(pixels(N), 3, axis=1)[:, :16]
    X[N // 2 :] = 7
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("X", data=X, chunks=(N, 16, 16, 1), compression="lzf")
        file["y"] = LABELS
        packed = dataset.id.read_direct_chunk((0, 0, 0, 0))[1]
    assert len(packed) < X.size
    assert _lzf_length(packed) == X.size
    assert (read_patches(tmp_path / "a.h5", TASK).X == X).all()


@pytest.mark.parametrize("options", [{"shuffle": True}, {"fletcher32": True}, {"shuffle": True, "fletcher32": True}])
@pytest.mark.parametrize("compression", [None, "gzip", "lzf"])
@pytest.mark.parametrize("chunks", [(7, 16, 16, 1), (16, 8, 16, 1), True])
def test_files_with_every_usual_filter_are_read(tmp_path, options, compression, chunks):
    X = pixels(N) // 64
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("X", data=X, chunks=chunks, compression=compression, **options)
        file.create_dataset("y", data=LABELS, chunks=True, maxshape=(None,), compression=compression, **options)
    assert (read_patches(tmp_path / "a.h5", TASK).X == X).all()
    assert (stored_patches([tmp_path / "a.h5"], TASK).X[5:20] == X[5:20]).all()
