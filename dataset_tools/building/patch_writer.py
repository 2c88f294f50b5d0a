"""Writes patch files atomically; the same content gives the same bytes."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from common.atomic_files import replacing
from common.datasets import patch_checks
from common.errors import UserError

# Size of an HDF5 chunk: large enough to read a whole file with few seeks, and small enough to read shuffled blocks.
CHUNK_BYTES = 1 << 18
GZIP_LEVEL = 1  # files are read as fast as with level 9, and are only a few percent larger


def write_patches(
    path: Path | str,
    X: np.ndarray,
    y: np.ndarray,
    *,
    attributes: Mapping[str, object] | None = None,
    **columns: Sequence[str] | np.ndarray | None,
) -> None:
    """Writes one patch file; the shape of y determines the task.

    The file is written completely or not at all. Identical content gives identical bytes: there are no time stamps, and
    attributes are sorted.

    Args:
        path: the file; missing folders are created.
        X: uint8 [n, side, side, channels]: an array, or anything with shape, dtype and slices (memmap, HDF5 dataset).
            It is read in blocks.
        y: [n] or [n, 1] with the values 0 and 1, or [n, 3] = [radius, center_x, center_y] in fractions.
        attributes: the file's attributes: strings, numbers, or lists and dictionaries, which are stored as JSON.
        columns: `recording`, `camera`, `origin` and `source`, one string per patch, and `side`, one number per patch in
            pixels of the camera picture, NaN if unknown; columns that are None are left out.

    Raises:
        UserError: `read_patches` would reject the content, or the path cannot be written.
    """
    path = Path(path)
    if unknown := set(columns) - patch_checks.COLUMNS.keys():
        raise TypeError(f"unknown columns of patch files: {', '.join(sorted(unknown))}")
    y, columns = _checked(path, X, y, columns)
    _write(path, X, y, columns, attributes or {})


def _checked(path: Path, X: np.ndarray, y: np.ndarray, columns: dict) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Checks the content in the same way as when a file is read; returns labels and columns as they are stored."""
    y = np.asarray(y)
    task = "detection" if y.ndim == 2 and y.shape[1] == 3 else "classification"
    columns = {key: _encode(values, key) for key, values in columns.items() if values is not None}
    patch_checks.pixels(tuple(X.shape), X.dtype, path)
    for key, values in columns.items():
        if len(values) != len(X):
            raise UserError(f"{path}: X and {key} differ in length. Received: {len(X)} and {len(values)}.")
    patch_checks.label_shape(y.shape, y.dtype, len(X), task, path)
    y = patch_checks.labels(y, task, path)
    if task == "detection":
        patch_checks.column_order(y, path)
        return y, columns
    return y.astype(np.uint8)[:, None], columns


def _encode(values: Sequence[str] | np.ndarray, key: str) -> np.ndarray:
    """Converts strings to UTF-8 bytes of fixed length [n], and `side` to float32 [n]."""
    array = np.asarray(values)
    if key == "side" and array.dtype.kind in patch_checks.COLUMNS["side"]:
        return array.astype(np.float32)
    if array.dtype.kind == "O":
        array = array.astype(str)
    if array.ndim != 1 or array.dtype.kind not in "US":
        raise UserError(f"{key} must hold one string per patch. Received: {array.dtype} {array.shape}.")
    return np.char.encode(array, "utf-8") if array.dtype.kind == "U" else array


class _Stream(io.FileIO):
    """A file that hides write errors from HDF5 1.14, because an error while closing a file crashes Python.

    After the first error, nothing more is written, and the error is kept for `check`.
    """

    fault: OSError | None = None

    def write(self, data: bytes) -> int:
        """Writes all of `data`. If the write fails, stores the error for `check`."""
        rest = memoryview(data).cast("B")
        while rest and self.fault is None:
            try:
                rest = rest[super().write(rest) :]
            except OSError as error:
                self.fault = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Sets the file's size. If that fails, stores the error for `check`."""
        if self.fault is None:
            try:
                return super().truncate(size)
            except OSError as error:
                self.fault = error
        return self.tell() if size is None else size

    def check(self) -> None:
        """Raises the stored error, if any."""
        if self.fault is not None:
            raise self.fault


def _write(path: Path, X: np.ndarray, y: np.ndarray, columns: dict, attributes: Mapping[str, object]) -> None:
    with replacing(path) as unfinished:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _Stream(unfinished, "w+") as stream:
            with h5py.File(stream, "w") as file:
                rows = max(1, CHUNK_BYTES // int(np.prod(X.shape[1:])))
                pixels = _dataset(file, "X", X.shape, X.dtype, rows)
                for start in range(0, len(X), rows):
                    pixels[start : start + rows] = X[start : start + rows]
                    stream.check()
                _dataset(file, "y", y.shape, y.dtype, 1 << 15)[:] = y
                for key, values in columns.items():
                    dtype = values.dtype
                    if dtype.kind == "S":
                        dtype = h5py.string_dtype("utf-8", max(1, values.dtype.itemsize))
                    _dataset(file, key, values.shape, dtype, 1 << 15)[:] = values.astype(dtype)
                for key in sorted(attributes):
                    value = attributes[key]
                    plain = isinstance(value, str | int | float | np.generic)
                    file.attrs[key] = value if plain else json.dumps(value, sort_keys=True)
            stream.check()


def _dataset(file: h5py.File, key: str, shape: tuple[int, ...], dtype: np.dtype, rows: int) -> h5py.Dataset:
    chunks = (min(rows, shape[0]), *shape[1:])
    return file.create_dataset(
        key, shape, dtype, chunks=chunks, compression="gzip", compression_opts=GZIP_LEVEL, track_times=False
    )
