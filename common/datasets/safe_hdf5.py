"""Opens HDF5 files from strangers: nothing outside the file is read, and sizes are known before memory is taken.

An HDF5 file can keep its values in any other file of the machine that opens it (external storage, external links,
virtual datasets), and can declare any size in a few bytes. A patch file holds its values itself, all of them.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from math import prod
from pathlib import Path

import h5py
import numpy as np

from common.cli.printable import LIMIT, printable
from common.datasets.hdf5_chunks import Chunks, chunks_of
from common.datasets.hdf5_heap import check_heaps
from common.errors import UserError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
LINKS_MAX = 16  # followed to one dataset
ATTRIBUTE_BYTES_MAX = 1 << 24
STRINGS_BYTES_MAX = 1 << 27  # that strings of variable length may take at once
SHOWN = (h5py.h5t.TypeIntegerID, h5py.h5t.TypeFloatID, h5py.h5t.TypeStringID, h5py.h5t.TypeEnumID)
NAME_BYTES_MAX = 1024  # of a recording, camera or origin
# What h5py raises for damaged files; it has no class of its own.
FAULTS = (OSError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, MemoryError, AttributeError)


@dataclass(frozen=True)
class Column:
    """One dataset of an open file. `variable`: strings of variable length."""

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
            UserError: a damaged part of the file, or more than fits into memory.
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
        """Reads `rows` rows from `start` on into `target`, from its row `at` on.

        Raises:
            UserError: a damaged part of the file.
        """
        rows = len(target) if rows is None else rows
        with readable(self.path):
            if self.chunks:
                self.chunks.check(start, start + rows)
            self.dataset.read_direct(target, np.s_[start : start + rows], np.s_[at : at + rows])

    def _strings(self, start: int, stop: int) -> np.ndarray:
        """Strings of variable length, a few at a time: each may be as long as the file, and all may be the same one."""
        longest = self.path.stat().st_size
        step = max(1, min(8192, STRINGS_BYTES_MAX // max(1, longest)))
        parts = [np.empty(0, object)]
        for first in range(start, stop, step):
            if self.chunks:
                self.chunks.check(first, min(stop, first + step))
            part = self.dataset[first : min(stop, first + step)]
            if max(map(len, part)) > NAME_BYTES_MAX:
                raise ValueError(f"a name of more than {NAME_BYTES_MAX} characters")
            parts.append(part)
        return np.concatenate(parts)


@dataclass(frozen=True)
class SafeFile:
    """An open file and those of its datasets that were asked for, by name."""

    path: Path
    file: h5py.File
    columns: dict[str, Column]

    def close(self) -> None:
        """Closes the file; a damaged one is left to the system."""
        with suppress(*FAULTS):
            self.file.close()

    def names(self) -> list[str]:
        """Some names in the file, for messages."""
        with readable(self.path):
            return [printable(name, LIMIT) for name in islice(self.file.id, 10)]

    def attributes(self) -> dict[str, object]:
        """The attributes of the file that are numbers or strings; of others, why they are not shown."""
        found = {}
        with readable(self.path):
            check_heaps(self.path, _length_bytes(self.file))
            for index in range(min(h5py.h5a.get_num_attrs(self.file.id), 1000)):
                attribute = h5py.h5a.open(self.file.id, index=index)
                found[printable(attribute.name, LIMIT)] = _value(self.file, attribute)
        return found


def open_hdf5(path: Path, keys: Sequence[str]) -> SafeFile:
    """Opens a file for reading and checks, of the datasets under `keys`, where and how their values are stored.

    Keys that are missing are left out; the caller closes the file.

    Raises:
        UserError: no such file, not readable, being written, no HDF5 inside, or values that are not in the file.
    """
    file = _open(path)
    try:
        with readable(path):
            found = {key: _column(file, key, path) for key in keys}
    except BaseException:
        file.close()
        raise
    return SafeFile(path, file, {key: column for key, column in found.items() if column is not None})


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns whatever h5py raises for a damaged file into one line.

    Raises:
        UserError: in place of every such error.
    """
    try:
        yield
    except FAULTS as error:
        why = printable(error, LIMIT).rstrip(".") or type(error).__name__
        raise UserError(f"{path}: cannot be read, a damaged file. Received: {why}. Fetch it again.") from None


def check_room(needed: int, path: Path) -> None:
    """Compares bytes that are about to be read with the memory that is free.

    Raises:
        UserError: there is less.
    """
    if needed < 1 << 24:
        return
    free = free_memory()
    if free is not None and needed > free:
        raise UserError(
            f"{path}: does not fit into memory. Received: {needed / 1e9:.1f} GB to read, {free / 1e9:.1f} GB free."
        )


def free_memory() -> int | None:
    """Bytes that this process may still take, by the system and the container's limit; None where nobody tells."""
    free = []
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        free.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return min(free, default=None)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the name
        raise UserError(f"{path}: does not exist. Give the path of an HDF5 patch file.") from None


def _open(path: Path) -> h5py.File:
    try:
        if not stat.S_ISREG(mode := _mode(path)):  # a pipe would be waited for
            what = "is a folder" if stat.S_ISDIR(mode) else "is not a regular file"
            raise UserError(f"{path}: {what}. Give the path of an HDF5 patch file.")
        return _open_with_or_without_lock(path)
    except PermissionError:
        raise UserError(f"{path}: may not be read. Check its permissions and those of its folder.") from None
    except BlockingIOError:
        raise UserError(
            f"{path}: is open for writing in another program. Close it there, a notebook perhaps."
        ) from None
    except OSError as error:
        if error.errno:
            why = os.strerror(error.errno)
            raise UserError(f"{path}: cannot be opened. Received: {why}. Check the path and its disk.") from None
        if "consistency flags" in str(error):
            raise UserError(
                f"{path}: was not closed by the program that wrote it, so its end may be missing. Build or fetch it "
                "again; if it is surely whole, clear the mark with h5clear -s."
            ) from None
        with path.open("rb") as stream:
            start = stream.read(len(SIGNATURE))
        what = "a damaged or incomplete HDF5 file" if start == SIGNATURE else "not an HDF5 file"
        raise UserError(f"{path}: {what}. Received: first bytes {start!r}. Fetch or build it again.") from None
    except FAULTS as error:
        raise UserError(f"{path}: a damaged HDF5 file. Received: {printable(error, LIMIT)}. Fetch it again.") from None


def _open_with_or_without_lock(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        # NFS, Lustre and FUSE may have no locks, and reading needs none. A lock that another program holds is EAGAIN.
        if "lock" not in str(error) or error.errno == errno.EAGAIN:
            raise
        return h5py.File(path, "r", locking=False)


def _column(file: h5py.File, key: str, path: Path) -> Column | None:
    """The dataset under `key`; None where the file has none.

    Raises:
        UserError: its values lie elsewhere, were never written, or cannot be unpacked here.
    """
    dataset = _follow(file, key, path)
    if dataset is None:
        return None
    if not isinstance(dataset, h5py.h5d.DatasetID):
        raise UserError(f"{path}: {key} is not a dataset. Received: a group or a type. Not a patch file.")
    name, settings = f"{path}: {key}", dataset.get_create_plist()
    # Before anything else: already the shape of a virtual dataset may be looked up in the other files.
    if settings.get_layout() == h5py.h5d.VIRTUAL:
        _refuse(name, "a virtual dataset")
    if settings.get_external_count():
        _refuse(name, f"external storage in {printable(settings.get_external(0)[0], LIMIT)}")
    space, kind = dataset.get_space(), dataset.get_type()
    if space.get_simple_extent_type() == h5py.h5s.NULL:
        raise UserError(f"{name} is empty. Received: a null dataspace. Not a patch file.")
    opened = h5py.Dataset(dataset)
    try:
        dtype = opened.dtype
    except FAULTS as error:
        raise UserError(
            f"{name} has a type that cannot be read here. Received: {printable(error, LIMIT)}. Store plain numbers or "
            "strings."
        ) from None
    shape, item_bytes = space.shape, kind.get_size()
    variable = isinstance(kind, h5py.h5t.TypeStringID) and kind.is_variable_str()
    if dtype.kind == "O" and not variable:
        raise UserError(f"{name} must hold plain numbers or strings. Received: {dtype} of objects.")
    if dtype.kind == "S" and item_bytes > NAME_BYTES_MAX:
        raise UserError(f"{name} must hold names of at most {NAME_BYTES_MAX} bytes. Received: {item_bytes} bytes each.")
    if variable:
        check_heaps(path, _length_bytes(file))
    if not prod(shape):
        return Column(path, opened, shape, dtype, 0, None, variable)
    chunks = None
    if settings.get_layout() == h5py.h5d.CHUNKED:
        chunks = chunks_of(dataset, shape, item_bytes, name)
    if chunks is None and dataset.get_storage_size() < prod(shape) * item_bytes:
        raise UserError(f"{name} was never written. Received: a declaration without values. Build it again.")
    if dataset.get_storage_size() > path.stat().st_size:
        raise UserError(f"{name} is larger than its file: damaged or incomplete. Fetch or build it again.")
    return Column(path, opened, shape, dtype, prod(shape) * item_bytes, chunks, variable)


def _follow(file: h5py.File, key: str, path: Path) -> h5py.h5g.GroupID | h5py.h5d.DatasetID | None:
    """What is under `key`, through groups and soft links of this file alone; h5py would follow links to anywhere."""
    root = group = h5py.h5g.open(file.id, b"/")
    parts, name = [key.encode()], f"{path}: {key}"
    for _ in range(LINKS_MAX):
        first, *rest = parts
        if not group.links.exists(first):
            if group is root and parts == [key.encode()]:
                return None
            _refuse(name, f"a soft link to {printable(first, LIMIT)}, which is not there")
        kind = group.links.get_info(first).type
        if kind == h5py.h5l.TYPE_HARD:
            found = h5py.h5o.open(group, first)
            if not rest:
                return found
            if not isinstance(found, h5py.h5g.GroupID):
                _refuse(name, "a soft link through something that is not a group")
            group, parts = found, rest
        elif kind == h5py.h5l.TYPE_SOFT:
            target = group.links.get_val(first)
            group = root if target.startswith(b"/") else group
            parts = [part for part in target.split(b"/") if part not in (b"", b".")] + rest
            if not parts:
                _refuse(name, "a soft link to a group")
        else:
            _refuse(name, f"an external link to {printable(group.links.get_val(first)[0], LIMIT)}")
    return _refuse(name, "links without an end")


def _length_bytes(file: h5py.File) -> int:
    return file.id.get_create_plist().get_sizes()[1]


def _refuse(name: str, received: str) -> None:
    raise UserError(
        f"{name} is not stored in the file itself. Received: {received}. Copy the values into the file, then use it."
    )


def _value(file: h5py.File, attribute: h5py.h5a.AttrID) -> object:
    """A number, a string or a short list of them; else a note."""
    kind, space = attribute.get_type(), attribute.get_space()
    count = prod(space.shape) if space.get_simple_extent_type() == h5py.h5s.SIMPLE else 1
    limit = LIMIT
    if isinstance(kind, h5py.h5t.TypeStringID) and kind.is_variable_str():  # each may be as long as the file
        limit = max(1, ATTRIBUTE_BYTES_MAX // file.id.get_filesize())
    if not isinstance(kind, SHOWN) or count > limit or space.get_simple_extent_type() == h5py.h5s.NULL:
        return f"(not shown: {count} of a kind other than numbers and strings, or too many)"
    try:
        return file.attrs[attribute.name.decode()]
    except FAULTS:
        return "(cannot be read)"
