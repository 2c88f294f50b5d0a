"""Patch files are written, read and joined, and identical content gives identical bytes."""

import h5py
import numpy as np
import pytest

from common.datasets.patch_file import Patches, concatenate, read_patches
from common.errors import UserError
from dataset_tools.building.patch_writer import write_patches

from .small_patches import circles, pixels, raw, recorded


def test_writes_and_reads_back_everything(tmp_path):
    X, y = pixels(channels=2, side=32), np.array([0, 1, 1, 0, 1, 0])
    names = ["log a", "log ä", "log b", "", "log a", "c"]
    path = tmp_path / "new folder" / "a.h5"
    write_patches(
        path, X, y, recording=names, camera=["top"] * 6, origin=["naoth"] * 6, attributes={"n": [1, 2], "s": "x"}
    )
    patches = read_patches(path, "classification")
    assert patches.X.dtype == np.uint8
    assert (patches.X == X).all()
    assert patches.y.dtype == np.float32
    assert patches.y.tolist() == y.tolist()
    assert patches.recording.tolist() == names
    assert set(patches.camera) == {"top"}
    assert set(patches.origin) == {"naoth"}
    assert patches.files == ("a.h5",)
    assert patches.task == "classification"
    with h5py.File(path) as file:
        assert file["y"].dtype == np.uint8
        assert file["y"].shape == (6, 1)
        assert file["X"].compression == "gzip"
        assert dict(file.attrs) == {"n": "[1, 2]", "s": "x"}


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "int8", "float32", "float64", "bool"])
def test_older_files_of_any_number_type_give_the_same_patches(tmp_path, shape, dtype):
    X, y = pixels(), np.array([0, 1, 1, 0, 1, 0])
    old = read_patches(raw(tmp_path / "old.h5", X=X, y=y.astype(dtype).reshape(shape)), "classification")
    write_patches(tmp_path / "new.h5", X, y)
    assert {getattr(old, key) for key in ("recording", "camera", "origin", "side", "source")} == {None}
    assert old.digest == read_patches(tmp_path / "new.h5", "classification").digest


def test_detection_labels_are_float32_in_file_and_memory(tmp_path):
    y = circles(6)
    write_patches(tmp_path / "a.h5", pixels(), y.astype(np.float64))
    patches = read_patches(tmp_path / "a.h5", "detection")
    assert patches.task == "detection"
    assert patches.y.dtype == np.float32
    assert (patches.y == y).all()
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["y"].dtype == np.float32
        assert file["y"].shape == (6, 3)


def test_variable_length_strings_are_read(tmp_path):
    names = np.array(["a", "öl", "c", "a", "a", "b"], dtype=object)
    path = raw(tmp_path / "a.h5", X=pixels(), y=np.zeros(6), recording=names)
    assert read_patches(path, "classification").recording.tolist() == names.tolist()


def test_the_digest_depends_on_the_content_only(tmp_path):
    X, y = pixels(50), np.arange(50) % 2
    base = Patches(X, y.astype(np.float32), recording=np.array(["a"] * 50))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_dataset("X", data=X, chunks=(7, 16, 16, 1), compression="lzf", shuffle=True)
        file["y"], file["recording"] = y.astype("i8"), np.array(["a"] * 50, dtype="S9")
    assert read_patches(tmp_path / "other.h5", "classification").digest == base.digest
    changed = X.copy()
    changed[-1, -1, -1, -1] ^= 1
    others = [
        Patches(changed, base.y, recording=base.recording),
        Patches(X, 1 - base.y, recording=base.recording),
        Patches(X, base.y, recording=np.array(["b"] * 50)),
        Patches(X, base.y),
        Patches(X, base.y, camera=base.recording),
        Patches(X.reshape(25, 16, 32, 1), base.y, recording=base.recording),
    ]
    assert len({base.digest, *(other.digest for other in others)}) == 7


def test_concatenate_joins_and_keeps_only_common_columns():
    one = Patches(pixels(3), np.zeros(3, np.float32), recording=np.array(["a"] * 3), files=("1.h5",))
    two = Patches(pixels(2, seed=1), np.ones(2, np.float32), recording=np.array(["long"] * 2), files=("2.h5",))
    joined = concatenate([one, two])
    assert joined.recording.tolist() == ["a"] * 3 + ["long"] * 2
    assert joined.files == ("1.h5", "2.h5")
    assert joined.y.tolist() == [0, 0, 0, 1, 1]
    assert (joined.X[3:] == two.X).all()
    assert concatenate([one, Patches(two.X, two.y)]).recording is None
    with pytest.raises(UserError, match=r"2\.h5: does not match .*classification 32x32x1 and classification 16x16x1"):
        concatenate([one, Patches(pixels(2, side=32), two.y, files=("2.h5",))])
    with pytest.raises(UserError, match="empty list"):
        concatenate([])


def test_take_keeps_rows_together():
    patches = recorded([3, 4], [1, 2])
    taken = patches.take(np.array([6, 0]))
    assert taken.recording.tolist() == ["log01", "log00"]
    assert np.array_equal(taken.X, patches.X[[6, 0]])
