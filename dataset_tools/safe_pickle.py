"""Reads pickles of NumPy arrays, numbers, strings and lists, and nothing that would run code."""

import pickle
from collections.abc import Iterator
from pathlib import Path

from common.cli import UserError

# What NumPy 1 and 2 write into a pickle of arrays; each only builds data.
ALLOWED = {
    (module, name)
    for core in ("numpy.core", "numpy._core")
    for module, name in (
        (f"{core}.multiarray", "_reconstruct"),
        (f"{core}.multiarray", "scalar"),
        (f"{core}.numeric", "_frombuffer"),
    )
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


class _DataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array, number, string or list")
        return super().find_class(module, name)


def load_all(path: Path) -> Iterator[object]:
    """Yields the objects of a pickle file, one after the other.

    Raises:
        UserError: the file is damaged, or would run code.
    """
    try:
        with path.open("rb") as stream:
            unpickler = _DataUnpickler(stream)
            while stream.peek(1):
                yield unpickler.load()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}.") from None
    except Exception as error:  # a hostile pickle may raise anything
        what = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}: refused, not a plain data pickle. Received: {type(error).__name__}: {what}."
        ) from None
