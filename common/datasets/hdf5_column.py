"""Reads one dataset of a checked HDF5 file in parts, and never more than fits into memory."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from common.cli.printable import LIMIT, printable
from common.datasets.hdf5_chunks import Chunks
from common.errors import UserError

STRINGS_BYTES_MAX = 1 << 27  # for strings of variable length that are read at once
NAME_BYTES_MAX = 1024  # of a recording, camera or origin
# The exceptions that h5py raises for damaged files; they have no common class.
FAULTS = (OSError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, MemoryError, AttributeError)


@dataclass(frozen=True)
class Column:
    """One dataset of an open file; `variable` means strings of variable length."""

    path: Path
    dataset: h5py.Dataset
    shape: tuple[int, ...]
    dtype: np.dtype
    bytes: int
    chunks: Chunks | None
    variable: bool = False

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """The rows start..stop.

        Raises:
            UserError: this part of the file is damaged, or does not fit into memory.
        """
        start, stop, _ = slice(start, stop).indices(len(self))
        rows = max(0, stop - start)
        check_room(rows * (self.bytes // max(1, len(self))), self.path)
        with readable(self.path):
            if self.variable:
                return self._strings(start, stop)
            read = np.empty((rows, *self.shape[1:]), self.dtype)
            if rows:
                self.read_into(read, start, 0)
            return read

    def read_into(self, target: np.ndarray, start: int, at: int, rows: int | None = None) -> None:
        """Reads `rows` rows, starting at `start`, into `target`, starting at its row `at`.

        Raises:
            UserError: a damaged part of the file.
        """
        rows = len(target) if rows is None else rows
        with readable(self.path):
            if self.chunks:
                self.chunks.check(start, start + rows)
            self.dataset.read_direct(target, np.s_[start : start + rows], np.s_[at : at + rows])

    def _strings(self, start: int, stop: int) -> np.ndarray:
        """Reads strings of variable length, a few at a time: each may be as long as the file."""
        longest = self.path.stat().st_size
        step = max(1, min(8192, STRINGS_BYTES_MAX // max(1, longest)))
        parts = [np.empty(0, object)]
        for first in range(start, stop, step):
            if self.chunks:
                self.chunks.check(first, min(stop, first + step))
            with little_memory(longest):
                part = self.dataset[first : min(stop, first + step)]
            if max(map(len, part)) > NAME_BYTES_MAX:
                raise ValueError(f"a name of more than {NAME_BYTES_MAX} characters")
            parts.append(part)
        return np.concatenate(parts)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns any error that h5py raises for a damaged file into one line.

    Raises:
        UserError: instead of any such error.
    """
    try:
        yield
    except FAULTS as error:
        why = printable(error, LIMIT).rstrip(".") or type(error).__name__
        raise UserError(f"{path}: cannot be read: it is damaged. Received: {why}. Fetch it again.") from None


@contextmanager
def little_memory(file_bytes: int) -> Iterator[None]:
    """Limits the memory of this process while HDF5 reads strings of variable length from a file of this many bytes.

    HDF5 allocates and clears as many bytes as a string claims to have, up to 4 GB, before it checks that they exist.
    Without /proc, there is no limit.
    """
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = used + 2 * (STRINGS_BYTES_MAX + file_bytes)
    if before[0] == resource.RLIM_INFINITY or most < before[0]:
        resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def check_room(needed: int, path: Path) -> None:
    """Compares the number of bytes to read with the free memory.

    Raises:
        UserError: there is not enough.
    """
    if needed < 1 << 24:
        return
    free = free_memory()
    if free is not None and needed > free:
        raise UserError(
            f"{path}: does not fit into memory. Received: {needed / 1e9:.1f} GB to read, {free / 1e9:.1f} GB free."
        )


def free_memory() -> int | None:
    """Bytes that this process may still use, according to the system and the container; None if unknown."""
    free = []
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        free.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return min(free, default=None)
