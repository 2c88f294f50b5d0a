"""Opens untrusted HDF5 files: reads nothing outside the file, and checks sizes before allocating memory.

An HDF5 file can refer to values in any other file of the machine that opens it (external storage, external links,
virtual datasets), and can declare any size in a few bytes. A patch file must contain all of its values.
"""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, islice
from math import prod
from pathlib import Path

import h5py

from common.cli.printable import LIMIT, printable
from common.datasets.hdf5_chunks import check_layout
from common.datasets.hdf5_column import FAULTS, Column, readable
from common.datasets.hdf5_strings import NAME_BYTES_MAX, check_heaps, little_memory
from common.errors import UserError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SHOWN = (h5py.h5t.TypeIntegerID, h5py.h5t.TypeFloatID, h5py.h5t.TypeStringID, h5py.h5t.TypeEnumID)


@dataclass(frozen=True)
class SafeFile:
    """An open file and the requested datasets in it, by name."""

    path: Path
    file: h5py.File
    columns: dict[str, Column]

    def close(self) -> None:
        """Closes the file; errors caused by a damaged file are ignored."""
        with suppress(*FAULTS):
            self.file.close()

    def names(self) -> list[str]:
        """Returns the names of up to ten objects in the file, for messages."""
        with readable(self.path):
            return [printable(name, LIMIT) for name in islice(self.file.id, 10)]

    def attributes(self) -> dict[str, object]:
        """Returns the file's attributes; those that are not numbers or strings are replaced by a note."""
        found = {}
        with readable(self.path):
            check_heaps(self.path, self.file)
            for index in range(min(h5py.h5a.get_num_attrs(self.file.id), 1000)):
                attribute = h5py.h5a.open(self.file.id, index=index)
                found[printable(attribute.name, LIMIT)] = _value(self.file, attribute)
        return found


def open_hdf5(path: Path, keys: Sequence[str]) -> SafeFile:
    """Opens a file for reading, and checks where and how the values of the datasets under `keys` are stored.

    Missing keys are left out. The caller closes the file.

    Raises:
        UserError: the file does not exist, is not readable, is being written, is not HDF5, or is incomplete.
    """
    with readable(path):
        file = _open(path)
        try:
            found = {key: _column(file, key, path) for key in keys}
        except BaseException:
            file.close()
            raise
    return SafeFile(path, file, {key: column for key, column in found.items() if column is not None})


def _open(path: Path) -> h5py.File:
    try:
        if not path.is_file():  # opening a pipe would block
            what = "is a folder" if path.is_dir() else "is not a regular file" if path.exists() else "does not exist"
            raise UserError(f"{path}: {what}. Give the path of an HDF5 patch file.")
        try:
            return h5py.File(path, "r")
        except OSError as error:
            # NFS, Lustre and FUSE may have no locks, and reading needs none. EAGAIN: another program holds a lock.
            if "lock" not in str(error) or error.errno == errno.EAGAIN:
                raise
            return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise UserError(f"{path}: {_why_not_opened(path, error)}") from None


def _why_not_opened(path: Path, error: OSError) -> str:
    if error.errno == errno.EAGAIN:
        return "is open for writing in another program, perhaps a notebook. Close it there."
    if error.errno:
        why = os.strerror(error.errno)
        return f"cannot be opened. Received: {why}. Check the path, its permissions and its disk."
    if "consistency flags" in str(error):
        return (
            "was not closed by the program that wrote it, so its end may be missing. Build or fetch it "
            "again; if you are sure that it is complete, run h5clear -s on it."
        )
    with path.open("rb") as stream:
        start = stream.read(len(SIGNATURE))
    what = "a damaged or incomplete HDF5 file" if start == SIGNATURE else "not an HDF5 file"
    received = f"first bytes {start!r}" if start else "an empty file"
    return f"{what}. Received: {received}. Fetch or build it again."


def _column(file: h5py.File, key: str, path: Path) -> Column | None:
    """Returns the checked dataset under `key`; None if the file has none."""
    name = f"{path}: {key}"
    for part in accumulate(key.split("/"), "{}/{}".format):
        link = file.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            kind = "an external" if isinstance(link, h5py.ExternalLink) else "a soft"
            _refuse(name, f"{kind} link to {printable(getattr(link, 'filename', link.path), LIMIT)}")
    dataset = h5py.h5o.open(file.id, key.encode())
    if not isinstance(dataset, h5py.h5d.DatasetID):
        raise UserError(f"{name} is not a dataset. Received: a group or a type. Not a patch file.")
    settings = dataset.get_create_plist()
    # This check comes first, because even the shape of a virtual dataset may be read from other files.
    if settings.get_layout() == h5py.h5d.VIRTUAL:
        _refuse(name, "a virtual dataset")
    if settings.get_external_count():
        _refuse(name, f"external storage in {printable(settings.get_external(0)[0], LIMIT)}")
    if dataset.get_space().get_simple_extent_type() == h5py.h5s.NULL:
        raise UserError(f"{name} is empty. Received: a null dataspace. Not a patch file.")
    kind, opened = dataset.get_type(), h5py.Dataset(dataset)
    variable = isinstance(kind, h5py.h5t.TypeStringID) and kind.is_variable_str()
    try:
        received = dtype = opened.dtype
        usable = variable if dtype.kind == "O" else dtype.kind != "S" or dtype.itemsize <= NAME_BYTES_MAX
    except FAULTS as error:
        received, usable = error, False
    if not usable:
        raise UserError(
            f"{name} must hold plain numbers, or strings of at most {NAME_BYTES_MAX} bytes. "
            f"Received: {printable(received, LIMIT)}."
        )
    if variable:
        check_heaps(path, file)
    stored, whole = dataset.get_storage_size(), prod(dataset.shape) * kind.get_size()
    chunked = whole > 0 and settings.get_layout() == h5py.h5d.CHUNKED
    if chunked:
        check_layout(dataset, name)
    elif stored < whole:
        raise UserError(f"{name} was never written. Received: a declaration without values. Build it again.")
    if stored > path.stat().st_size:
        raise UserError(f"{name} is larger than its file, which is damaged or incomplete. Fetch or build it again.")
    return Column(path, opened, dataset.shape, dtype, whole, chunked, variable)


def _refuse(name: str, received: str) -> None:
    raise UserError(
        f"{name} is not stored in the file itself. Received: {received}. Copy the values into the file first."
    )


def _value(file: h5py.File, attribute: h5py.h5a.AttrID) -> object:
    """Returns the attribute's number, string or short list; or a note that says why the value is not shown."""
    space = attribute.get_space()
    count = prod(space.shape) if space.get_simple_extent_type() == h5py.h5s.SIMPLE else 1
    shown = isinstance(attribute.get_type(), SHOWN) and space.get_simple_extent_type() != h5py.h5s.NULL
    if not shown or count > LIMIT:
        return f"(not shown: {count} values; too many, or neither numbers nor strings)"
    try:
        with little_memory():
            return file.attrs[attribute.name.decode()]
    except FAULTS:
        return "(cannot be read)"
