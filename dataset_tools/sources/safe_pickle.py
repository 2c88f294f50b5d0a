"""Reads pickles of NumPy arrays, numbers, strings and lists, and rejects everything that would run code.

NumPy's own code for reading pickled arrays and types is not used either: a crafted state would make it follow pointers
from the file. This module builds arrays from bytes, a shape and a plain type. Because nine bytes of a pickle can
request gigabytes of memory, the module checks all instructions before it executes the first one.
"""

import io
import pickle
import pickletools
import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from common.cli.printable import LIMIT, printable
from common.datasets.hdf5_column import check_room
from common.errors import UserError

TYPE_NAME = re.compile(r"[<>|=]?[biufSU]\d+")  # booleans, numbers and strings; no objects, no structures
INSTRUCTION_BYTES = 250  # maximum memory for an instruction without content, such as an empty list or a memo entry
# Dictionaries and sets are not allowed: with colliding hashes, building them could take forever.
ALLOWED = re.compile(
    "PROTO|FRAME|STOP|MARK|MEMOIZE|((LONG_)?BIN)?(PUT|GET)|(STACK_)?GLOBAL|REDUCE|BUILD|NONE|NEWTRUE|NEWFALSE|INT|"
    "BININT[12]?|LONG[14]?|(BIN)?FLOAT|((SHORT_)?BIN)?(STRING|UNICODE)|(SHORT_)?BINBYTES|(BINUNICODE|BINBYTES|BYTEARRAY)8|"
    "EMPTY_TUPLE|TUPLE[123]?|(EMPTY_)?LIST|APPENDS?"
)


class _Type:
    """Replaces a pickled np.dtype: keeps the name of the type, and the byte order that the pickle sets."""

    def __init__(self, name: object, *_):
        if not TYPE_NAME.fullmatch(str(name)):
            raise pickle.UnpicklingError(f"it holds values of type {name!r}, which are neither numbers nor strings")
        self.dtype = np.dtype(str(name))

    def __setstate__(self, state: tuple):
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Replaces a pickled np.ndarray; the pickle sets the content of the array."""

    value = np.empty(0)

    def __init__(self, *_):
        pass

    def __setstate__(self, state: tuple):
        _, shape, kind, fortran, content = state
        self.value = np.frombuffer(content, kind.dtype).reshape(shape, order="F" if fortran else "C")


def _from_buffer(content: bytes, kind: _Type, shape: tuple, order: str) -> np.ndarray:
    return np.frombuffer(content, kind.dtype).reshape(shape, order=order)


def _scalar(kind: _Type, content: bytes) -> object:
    return np.frombuffer(content, kind.dtype, 1)[0]


def _latin(text: str, encoding: str) -> bytes:
    """Converts text to bytes; old pickle protocols store bytes as text."""
    return text.encode("latin-1")


STANDINS = {("numpy", "ndarray"): "ndarray", ("numpy", "dtype"): _Type, ("_codecs", "encode"): _latin}
for _core in ("numpy.core", "numpy._core"):  # NumPy 1 and 2
    STANDINS[f"{_core}.multiarray", "_reconstruct"] = _Array
    STANDINS[f"{_core}.multiarray", "scalar"] = _scalar
    STANDINS[f"{_core}.numeric", "_frombuffer"] = _from_buffer


class _DataUnpickler(pickle.Unpickler):
    """Limits the number of copied bytes to `room`, because a pickle can copy the same text any number of times."""

    def __init__(self, stream: io.BytesIO, room: int):
        super().__init__(stream)
        self.room = room

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in STANDINS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not an array, number, string or list")
        found = STANDINS[module, name]
        return partial(self._copied, found) if found in (_latin, _scalar) else found

    def _copied(self, function, *arguments) -> object:
        made = function(*arguments)
        self.room -= sys.getsizeof(made)
        if self.room < 0:
            raise pickle.UnpicklingError("it copies the same content again and again")
        return made


def _check(content: io.BytesIO, size: int, path: Path) -> None:
    """Checks that every instruction is allowed and complete, and that the memory suffices for all of them.

    Raises:
        UserError: the instructions need more memory than is free.
        ValueError: an instruction is not allowed, or its content is not in the file.
    """
    count = 0
    while content.tell() < size:
        for code, argument, place in pickletools.genops(content):
            count += 1
            if not ALLOWED.fullmatch(code.name):
                raise ValueError(f"it holds {code.name}, which is not an array, number, string or list")
            limit = {"PUT": count, "BINPUT": count, "LONG_BINPUT": count, "FRAME": size - place}.get(code.name)
            if limit is not None and argument > limit:  # the unpickler would allocate as much as the argument requests
                raise ValueError(f"{code.name} {argument} in a file of {size} bytes")
    check_room(INSTRUCTION_BYTES * count + 2 * size, path)


def load_all(path: Path) -> Iterator[object]:
    """Yields the objects of a pickle file, one after the other.

    Raises:
        UserError: the file is damaged, would run code, or needs more memory than is available.
    """
    try:
        if path.exists() and not path.is_file():  # reading a pipe would block
            raise UserError(f"{path}: is not a regular file. Give the path of a pickle.")
        if not (size := path.stat().st_size):
            raise UserError(f"{path}: is empty. Download or create it again.")
        check_room(2 * size, path)
        content = io.BytesIO(path.read_bytes())
        _check(content, size, path)
        content.seek(0)
        unpickler = _DataUnpickler(content, 4 * size)
        while content.tell() < size:
            item = unpickler.load()
            yield item.value if isinstance(item, _Array) else item
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}.") from None
    except Exception as error:  # a hostile pickle may raise any exception
        what = printable(error, LIMIT).rstrip(".")
        raise UserError(
            f"{path}: rejected, not a plain data pickle. Received: {type(error).__name__}: {what}."
        ) from None
