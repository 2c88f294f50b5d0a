"""Patches that are streamed from files have the same values as patches in memory."""

import h5py
import numpy as np
import pytest

from common.datasets.patch_file import concatenate, read_patches, stored_patches
from common.errors import UserError
from dataset_tools.building.patch_writer import write_patches

from ...tiny import classification_file, discs


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Writes two files, with 300 and 170 patches."""
    folder = tmp_path_factory.mktemp("files")
    return [classification_file(folder / f"{n}.h5", n, seed=n) for n in (300, 170)]


def both(files):
    """Returns the patches of the same files twice: streamed, and read into memory."""
    read = [read_patches(path, "classification") for path in files]
    return stored_patches(files, "classification"), concatenate(read)


def test_streamed_patches_equal_those_in_memory(files):
    lazy, read = both(files)
    assert lazy.digest == read.digest
    assert len(lazy) == len(read) == 470
    assert lazy.X.lengths == [300, 170]
    assert lazy.files == read.files
    np.testing.assert_array_equal(lazy.y, read.y)
    np.testing.assert_array_equal(lazy.channel_means, read.channel_means)
    np.testing.assert_allclose(read.channel_means, read.X.mean((0, 1, 2)))
    for key in ("recording", "camera"):
        np.testing.assert_array_equal(getattr(lazy, key), getattr(read, key))


@pytest.mark.parametrize(
    "index",
    [
        np.s_[:],
        np.s_[290:310],
        np.s_[460:9999],
        np.s_[5:5],
        np.s_[::7],
        np.s_[..., 0],
        np.s_[280:320, 4:8, ::2, 0],
        [469, 0, 299, 300, 0],
        [],
        np.arange(470) % 50 == 3,
    ],
    ids=str,
)
def test_every_index_gives_the_same_as_numpy(files, index):
    lazy, read = both(files)
    np.testing.assert_array_equal(lazy.X[index], read.X[index])


def test_a_detection_file_with_swapped_columns_is_refused(tmp_path):
    X, _ = discs(200, seed=0)
    draws = [np.random.default_rng(i).normal(0.4, 0.03 + 0.05 * (i > 0), 200) + 0.1 * (i > 0) for i in range(3)]
    y = np.stack(draws, 1).clip(0.1, 0.9).astype(np.float32)
    write_patches(tmp_path / "right.h5", X, y)
    lazy = stored_patches([tmp_path / "right.h5"], "detection")
    np.testing.assert_array_equal(lazy.y, y)
    with h5py.File(tmp_path / "wrong.h5", "w") as file:
        file["X"], file["y"] = X, y[:, [1, 2, 0]]
    with pytest.raises(UserError, match=r"wrong\.h5: the columns of y look like \[x, y, radius\]"):
        stored_patches([tmp_path / "wrong.h5"], "detection")


def test_files_of_different_sizes_are_refused_in_one_line(files, tmp_path):
    other = classification_file(tmp_path / "32.h5", 20, size=32)
    with pytest.raises(UserError, match=r"32\.h5: does not match 300\.h5\. Received: classification 32x32x1"):
        stored_patches([files[0], other], "classification")


def test_a_damaged_file_is_refused_in_one_line(tmp_path):
    path = classification_file(tmp_path / "a.h5", 2000)
    lazy = stored_patches([path], "classification")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.h5: cannot be read because it is damaged\. Received: .* Fetch it again\."):
        lazy.X[:]
