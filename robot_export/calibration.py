"""Selects the training patches for measuring the ranges of quantised formats."""

import numpy as np

CALIBRATION_PATCHES = 512
CALIBRATION_SEED = 20260131  # fixed: the same training patches give the same int8 files


def select_calibration(X: np.ndarray) -> np.ndarray:
    """Returns the patches for measuring int8 ranges, from uint8 [n, height, width, channels] of the training split.

    They are drawn at random without replacement, with a fixed seed, and stay in the file's order.

    The patch with the widest range is added again with its darkest pixel set to 0 and its brightest to 255, so that the
    input of the quantised formats covers the range 0..255, and raw bytes are the quantised values.
    """
    drawn = np.random.default_rng(CALIBRATION_SEED).permutation(len(X))[:CALIBRATION_PATCHES]
    chosen = X[np.sort(drawn)]
    flat = chosen.reshape(len(chosen), -1)
    widest = flat[np.argmax(np.ptp(flat, axis=1))].copy()
    widest[np.argmin(widest)], widest[widest.size - 1 - np.argmax(widest[::-1])] = 0, 255
    return np.concatenate([chosen, widest.reshape(1, *X.shape[1:])])
