"""Reads patches from their HDF5 files when they are needed, for datasets that are larger than the memory.

Labels and names stay in memory, about 30 bytes per patch.
"""

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from common.datasets import patch_checks
from common.datasets.hdf5_column import Column, free_memory
from common.datasets.patch_file import BLOCK, KEYS, Patches, joined_rule, sampling_rule
from common.datasets.safe_hdf5 import SafeFile
from common.errors import UserError

COPIES = 2  # of the pixels during training in memory: the array and its copy on the device
SHUFFLED = 1 << 16  # patches in memory that are shuffled at once: 16 MB at 16x16x1, 128 MB at 32x32x2


class StoredPixels:
    """The pixels of one or several open patch files as one array; [] reads what it selects.

    The first index is a slice, a list of positions in any order, or a mask; further indices select from the result.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, files: Sequence[SafeFile]):
        self._files = list(files)  # keeps the files open: HDF5 closes a file's datasets with the file
        self.lengths = [len(file.columns["X"]) for file in files]
        self._ends = np.cumsum(self.lengths)
        self.shape = (int(self._ends[-1]), *files[0].columns["X"].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes that a run needs in memory: a block and its copy on the device."""
        return 2 * min(SHUFFLED, len(self)) * int(np.prod(self.shape[1:]))

    def __getitem__(self, index) -> np.ndarray:
        first, *more = index if isinstance(index, tuple) else (index,)
        if first is Ellipsis:
            return self._range(0, len(self))[index]
        if isinstance(first, slice):
            start, stop, step = first.indices(len(self))
            read = self._range(start, stop)[::step]
        else:
            wanted, where = np.unique(np.arange(len(self))[first], return_inverse=True)
            read = np.concatenate([self._range(0, 0), *(self._range(i, i + 1) for i in wanted)])[where]
        return read[(slice(None), *more)]

    def _range(self, start: int, stop: int) -> np.ndarray:
        read = np.empty((max(0, stop - start), *self.shape[1:]), np.uint8)
        begin = 0
        for file, end in zip(self._files, self._ends, strict=True):
            low, high = max(start, begin), min(stop, end)
            if low < high:
                file.columns["X"].read_into(read, low - begin, low - start, high - low)
            begin = end
        return read


def stored_patches(paths: Sequence[Path], task: str) -> Patches:
    """The patches of several files, joined in order; the files are opened and checked, but pixels are not read yet.

    Raises:
        UserError: files that cannot be used, or that do not match.
    """
    parts = [_labels(path, task) for path in paths]
    for path, (file, *_) in zip(paths, parts, strict=True):
        shapes = [opened.columns["X"].shape[1:] for opened in (file, parts[0][0])]
        if shapes[0] != shapes[1]:
            sizes = ["x".join(map(str, shape)) for shape in shapes]
            raise UserError(f"{path.name}: does not match {paths[0].name}. Received: {sizes[0]} and {sizes[1]}.")
    files, labels, columns = zip(*parts, strict=True)
    known = [key for key in (*KEYS, "side") if all(key in column for column in columns)]
    joined = {key: np.concatenate([column[key] for column in columns]) for key in known}
    return Patches(
        StoredPixels(files),
        np.concatenate(labels),
        **joined,
        files=tuple(path.name for path in paths),
        sampling=joined_rule(map(sampling_rule, files)),
    )


def check_memory(paths: Sequence[Path]) -> None:
    """Checks that the pixels of these files fit into memory for training.

    Raises:
        UserError: they do not fit.
    """
    pixels = 0
    for path in paths:
        with closing(patch_checks.open_file(path)) as file:
            pixels += file.columns["X"].bytes if "X" in file.columns else 0
    free = free_memory()
    if free is not None and COPIES * pixels > free:
        raise UserError(
            f"These patches do not fit into memory: {COPIES * pixels / 1e9:.1f} GB are needed. Received: "
            f"{free / 1e9:.1f} GB free. Add --stream, which reads them from the files during training."
        )


def _labels(path: Path, task: str) -> tuple[SafeFile, np.ndarray, dict[str, np.ndarray]]:
    """An open patch file, its checked labels, and its columns."""
    file = patch_checks.open_file(path)
    patch_checks.layout(file, task)
    y = patch_checks.labels(file.columns["y"].read(), task, path)
    columns = {key: _names(file.columns[key]) for key in KEYS if key in file.columns}
    if "side" in file.columns:
        columns["side"] = file.columns["side"].read().astype(np.float32)
    if task == "detection":
        patch_checks.column_order(y, path)
    return file, y, columns


def _names(column: Column) -> np.ndarray:
    """Strings as an array of objects: one pointer each, because few of them differ."""
    names = np.empty(len(column), object)
    for start in range(0, len(names), BLOCK):
        different, which = np.unique(patch_checks.text(column.read(start, start + BLOCK)), return_inverse=True)
        names[start : start + BLOCK] = np.array([sys.intern(str(name)) for name in different], object)[which]
    return names
