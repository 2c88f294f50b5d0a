"""Fingerprints of patches: a hash of the exact pixels, and a perceptual hash that is similar for similar pictures."""

import hashlib

import numpy as np

SIDE = 16  # width and height, in pixels, of the pictures that are compared
MIDDLE = 31  # index of the median of 63 sorted frequencies


def content(X: np.ndarray) -> np.ndarray:
    """Hashes the pixels of patches uint8 [n, ...] to uint64 [n]; different patches collide with probability 2**-64."""
    digests = b"".join(hashlib.sha256(patch.tobytes()).digest()[:8] for patch in X)
    return np.frombuffer(digests, "<u8")


def _cosines() -> np.ndarray:
    """The first eight basis functions of the DCT-II over 16 samples: float64 [8, 16]."""
    frequency, sample = np.arange(8)[:, None], np.arange(SIDE)[None]
    return np.cos(np.pi * frequency * (2 * sample + 1) / (2 * SIDE))


def look(luma: np.ndarray) -> np.ndarray:
    """Returns perceptual hashes (pHash) of pictures uint8 [n, 16, 16]: uint64 [n]; similar pictures differ in few bits.

    Each bit says whether the coefficient of one of the 8x8 lowest DCT frequencies is above the median. Brightness
    and contrast do not matter: the mean is left out, and contrast scales all frequencies equally. C. Zauner,
    Implementation and benchmarking of perceptual image hash functions, 2010, section 3.2.1.
    """
    cosines = _cosines()
    spectrum = (cosines @ luma.astype(np.float64) @ cosines.T).reshape(-1, 64)[:, 1:]
    # np.median would import numpy.ma, which takes 50 ms.
    median = np.partition(spectrum, MIDDLE, axis=1)[:, MIDDLE, None]
    bits = spectrum > median
    padded = np.pad(bits, ((0, 0), (1, 0)))
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").reshape(-1)


def contrast(luma: np.ndarray) -> np.ndarray:
    """Returns the standard deviation of the brightness of pictures uint8 [n, 16, 16]: float32 [n], 0..127."""
    return luma.reshape(len(luma), -1).std(axis=1, dtype=np.float32) if len(luma) else np.empty(0, np.float32)


def small(X: np.ndarray) -> np.ndarray:
    """Reduces network inputs uint8 [n, 16 or 32, ., .] to brightness uint8 [n, 16, 16].

    For inputs of 32x32 pixels, each value is the mean of 2x2 pixels.
    """
    luma = X[..., 0]
    if luma.shape[1] == SIDE:
        return np.ascontiguousarray(luma)
    return (luma.reshape(len(X), SIDE, 2, SIDE, 2).astype(np.uint16).sum(axis=(2, 4)) // 4).astype(np.uint8)
