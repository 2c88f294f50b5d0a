"""Computes the keys of single patches, so that lists of patches can be written, edited and applied."""

import hashlib
from collections.abc import Iterator

import numpy as np


def digests(X: np.ndarray, y: np.ndarray) -> Iterator[str]:
    """Yields the SHA-256 (hex) of the pixels and label of each patch, for files without `source`.

    Args:
        X: uint8 [n, side, side, channels].
        y: [n], 0 or 1, hashed as one byte; or [n, 3], hashed as little-endian float32.
    """
    y = np.asarray(y).astype(np.uint8 if np.ndim(y) == 1 else "<f4")
    for pixels, label in zip(X, y, strict=True):
        yield hashlib.sha256(pixels.tobytes() + label.tobytes()).hexdigest()


def keys(X: np.ndarray, y: np.ndarray, source: np.ndarray | None) -> list[str]:
    """Returns the keys by which --drop and --relabel identify patches: sources, or digests of pixels and labels."""
    return list(digests(X, y)) if source is None else [name.decode("utf-8", "replace") for name in source]
