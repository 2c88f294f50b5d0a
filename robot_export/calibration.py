"""Selects the training patches for measuring the ranges of quantised formats."""

import numpy as np

CALIBRATION_PATCHES = 512
CALIBRATION_SEED = 20260131  # a fixed seed, so that the same training patches always produce the same int8 files


def select_calibration(X: np.ndarray) -> np.ndarray:
    """Selects the patches for measuring the int8 ranges. X: uint8 [n, height, width, channels], the training patches.

    The patches are drawn at random without replacement and with a fixed seed. The chosen patches stay in their
    original order.

    The patch with the widest range is added again, with its darkest pixel set to 0 and its brightest pixel set to 255.
    So the input of the quantised formats covers the range 0..255, and the quantised values are the raw bytes.
    """
    drawn = np.random.default_rng(CALIBRATION_SEED).permutation(len(X))[:CALIBRATION_PATCHES]
    chosen = X[np.sort(drawn)]
    flat = chosen.reshape(len(chosen), -1)
    widest = flat[np.argmax(np.ptp(flat, axis=1))].copy()
    widest[np.argmin(widest)], widest[widest.size - 1 - np.argmax(widest[::-1])] = 0, 255
    return np.concatenate([chosen, widest.reshape(1, *X.shape[1:])])
