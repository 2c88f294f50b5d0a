"""Classes of patches by their brightness and by their side in the camera's picture, for the tables of an evaluation."""

import numpy as np

# A patch of 16 pixels is as large as the smallest input of a network; a ball near the feet fills some 100.
SIDE_CLASSES = {
    "far, side below 16 px": 16,
    "side 16 to 32 px": 32,
    "side 32 to 64 px": 64,
    "near, side 64 px and more": np.inf,
}
BRIGHTNESS_CLASSES = {"dark, mean Y below 70": 70, "mean Y 70 to 140": 140, "bright, mean Y 140 and more": 256}


def mean_brightness(X):
    """Mean of Y of each patch, float [n]; X uint8 [n, h, w, c] is read in blocks, as it may lie in a file."""
    return np.concatenate([X[start : start + 8192][..., 0].mean((1, 2)) for start in range(0, len(X), 8192)])


def brightness_class(mean_y):
    """The brightness class of each patch, str [n], by its mean of Y, [n]: dark ones are the first to fail."""
    edges = list(BRIGHTNESS_CLASSES.values())[:-1]
    return np.array(list(BRIGHTNESS_CLASSES))[np.digitize(mean_y, edges)]


def size_class(side):
    """The size class of each patch, str [n], by its side in camera pixels, [n]: far balls are the hard ones.

    None if no side is known; `side` None or NaN stands for an unknown one.
    """
    if side is None or np.isnan(side).all():
        return None
    edges = [upper for upper in SIDE_CLASSES.values() if upper < np.inf]
    classes = np.array(list(SIDE_CLASSES))[np.digitize(side, edges)]
    return np.where(np.isnan(side), "side unknown", classes)
