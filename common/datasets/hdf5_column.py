"""Reads one dataset of a checked HDF5 file in parts, and refuses to read more than fits into memory."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from common.cli.printable import LIMIT, printable
from common.datasets.hdf5_chunks import check_chunks
from common.datasets.hdf5_strings import read_strings
from common.errors import UserError

# The exceptions that h5py and zlib raise for damaged files; they have no common class.
FAULTS = (OSError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, MemoryError, AttributeError)
FAULTS += (zlib.error,)


@dataclass(frozen=True)
class Column:
    """One dataset of an open file; `chunked` and `variable` (strings of variable length) say how it is stored."""

    path: Path
    dataset: h5py.Dataset
    shape: tuple[int, ...]
    dtype: np.dtype
    bytes: int
    chunked: bool
    variable: bool
    checked: set[tuple[int, ...]] = field(default_factory=set)  # offsets of the chunks that were checked

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Reads the rows start..stop.

        Raises:
            UserError: this part of the file is damaged, or does not fit into memory.
        """
        start, stop, _ = slice(start, stop).indices(len(self))
        rows = max(0, stop - start)
        check_room(rows * (self.bytes // max(1, len(self))), self.path)
        with readable(self.path):
            read = np.empty((rows, *self.shape[1:]), self.dtype)
        self.read_into(read, start)
        return read

    def read_into(self, target: np.ndarray, start: int) -> None:
        """Fills `target` with the rows from `start` on; raises a UserError if they are damaged."""
        stop = start + len(target)
        with readable(self.path):
            if self.chunked:
                check_chunks(self.dataset.id, start, stop, self.checked)
            if self.variable:
                read_strings(self.dataset, target, start)
            elif start < stop:
                self.dataset.read_direct(target, np.s_[start:stop])


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns any error that h5py raises for a damaged file into a UserError of one line."""
    try:
        yield
    except FAULTS as error:
        why = printable(error, LIMIT).rstrip(".") or type(error).__name__
        raise UserError(f"{path}: cannot be read because it is damaged. Received: {why}. Fetch it again.") from None


def check_room(needed: int, what: object, hint: str = "") -> None:
    """Raises a UserError if there are fewer free bytes of memory than `what` needs."""
    free = free_memory() if needed >= 1 << 20 else None
    if free is not None and needed > free:
        received = f"{needed / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free"
        raise UserError(f"{what}: does not fit into memory. Received: {received}.{hint}")


def free_memory() -> int | None:
    """Returns how many bytes of memory the system and the container still allow; None if unknown."""
    free = []
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        free.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return min(free, default=None)
