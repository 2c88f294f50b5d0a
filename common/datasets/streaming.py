"""Reads pixels from patch files when they are needed, for datasets that do not fit into memory."""

import math
from collections.abc import Sequence

import numpy as np

from common.datasets.hdf5_column import check_room
from common.datasets.safe_hdf5 import SafeFile

BLOCK = 8192  # patches per block when a file is read in parts: 16 MB at 32x32x2
SHUFFLED = 1 << 16  # number of patches that are shuffled together in memory: 16 MB at 16x16x1, 128 MB at 32x32x2


class StoredPixels:
    """The pixels of one or several open patch files as one array; indexing reads only the selected pixels.

    The first index is a slice, a list of positions in any order, or a mask; further indices select from the result.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, files: Sequence[SafeFile]):
        self.files = list(files)  # keeps the files open: HDF5 closes a file's datasets with the file
        self.lengths = [len(file.columns["X"]) for file in files]
        self._ends = np.cumsum(self.lengths)
        self.shape = (int(self._ends[-1]), *files[0].columns["X"].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """The number of bytes that a run needs in memory: a block and its copy on the device."""
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
            runs = np.split(wanted, np.flatnonzero(np.diff(wanted) > 1) + 1) if len(wanted) else []
            read = np.concatenate([self._range(0, 0), *(self._range(run[0], run[-1] + 1) for run in runs)])[where]
        return read[(slice(None), *more)]

    def _range(self, start: int, stop: int) -> np.ndarray:
        shape = (max(0, stop - start), *self.shape[1:])
        check_room(math.prod(shape), self.files[0].path)
        read = np.empty(shape, np.uint8)
        begin = 0
        for file, end in zip(self.files, self._ends, strict=True):
            low, high = max(start, begin), min(stop, end)
            if low < high:
                file.columns["X"].read_into(read[low - start : high - start], low - begin)
            begin = end
        return read
