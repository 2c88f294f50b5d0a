"""Reads pickles of NumPy arrays, numbers, strings and lists, and nothing that would run code.

Not even NumPy's own reading of pickled arrays and types is used: a crafted state would make it follow pointers out of
the file. Arrays are put together here, from bytes, a shape and a plain type.
"""

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common.errors import UserError

KINDS = "biufSU"  # booleans, numbers and strings; no objects, no structures


class _Type:
    """Stands in for a pickled np.dtype: its name, and the byte order that arrives as its state."""

    def __init__(self, name: object, *_):
        self.dtype = np.dtype(str(name))
        if self.dtype.kind not in KINDS or self.dtype.fields or self.dtype.subdtype:
            raise pickle.UnpicklingError(f"it holds values of type {name!r}, which are no numbers or strings")

    def __setstate__(self, state: tuple):
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands in for a pickled np.ndarray until its state arrives."""

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
    """How old protocols write bytes."""
    return text.encode("latin-1")


STANDINS = {("numpy", "ndarray"): "ndarray", ("numpy", "dtype"): _Type, ("_codecs", "encode"): _latin}
for _core in ("numpy.core", "numpy._core"):  # NumPy 1 and 2
    STANDINS[f"{_core}.multiarray", "_reconstruct"] = _Array
    STANDINS[f"{_core}.multiarray", "scalar"] = _scalar
    STANDINS[f"{_core}.numeric", "_frombuffer"] = _from_buffer


class _DataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in STANDINS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array, number, string or list")
        return STANDINS[module, name]


def load_all(path: Path) -> Iterator[object]:
    """Yields the objects of a pickle file, one after the other.

    Raises:
        UserError: the file is damaged, or would run code.
    """
    try:
        with path.open("rb") as stream:
            unpickler = _DataUnpickler(stream)
            while stream.peek(1):
                item = unpickler.load()
                yield item.value if isinstance(item, _Array) else item
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}.") from None
    except Exception as error:  # a hostile pickle may raise anything
        what = " ".join(str(error).split())[:200].rstrip(".")
        raise UserError(
            f"{path}: refused, not a plain data pickle. Received: {type(error).__name__}: {what}."
        ) from None
