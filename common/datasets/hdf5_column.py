"""Reads one dataset of a checked HDF5 file in parts, and never more than fits into memory."""

import resource
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from common.cli.printable import LIMIT, printable
from common.datasets.hdf5_chunks import check_chunks
from common.errors import UserError

NAME_BYTES_MAX = 1024  # of a recording, camera or origin
NAMES_AT_ONCE = 8192
LITTLE_BYTES = 1 << 27
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
    checked: set[tuple[int, ...]] = field(default_factory=set)  # offsets of chunks

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
            read = np.empty((rows, *self.shape[1:]), self.dtype)
        self.read_into(read, start)
        return read

    def read_into(self, target: np.ndarray, start: int) -> None:
        """Fills `target` with the rows from `start` on; raises a UserError if they are damaged."""
        step = NAMES_AT_ONCE if self.variable else max(1, len(target))
        for at in range(0, len(target), step):
            part = target[at : at + step]
            first, stop = start + at, start + at + len(part)
            with readable(self.path), little_memory() if self.variable else nullcontext():
                if self.chunked:
                    check_chunks(self.dataset.id, first, stop, self.checked)
                self.dataset.read_direct(part, np.s_[first:stop])
                if self.variable and max(map(len, part)) > NAME_BYTES_MAX:
                    raise ValueError(f"a name of more than {NAME_BYTES_MAX} characters")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns any error that h5py raises for a damaged file into a UserError of one line."""
    try:
        yield
    except FAULTS as error:
        why = printable(error, LIMIT).rstrip(".") or type(error).__name__
        raise UserError(f"{path}: cannot be read: it is damaged. Received: {why}. Fetch it again.") from None


@contextmanager
def little_memory() -> Iterator[None]:
    """Limits what this process may allocate while HDF5 reads strings of variable length.

    HDF5 allocates and clears as many bytes as a string claims to have, up to 4 GB, before it checks that they exist,
    and any number of strings may refer to the same bytes. Without /proc, there is no limit.
    """
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    if before[0] == resource.RLIM_INFINITY or used + LITTLE_BYTES < before[0]:
        resource.setrlimit(resource.RLIMIT_AS, (used + LITTLE_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def check_room(needed: int, what: object, hint: str = "") -> None:
    """Raises a UserError if there are fewer free bytes of memory than `what` needs."""
    free = free_memory() if needed >= 1 << 20 else None
    if free is not None and needed > free:
        received = f"{needed / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free"
        raise UserError(f"{what}: too large for the memory. Received: {received}.{hint}")


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
