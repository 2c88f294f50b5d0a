"""Divides patches into classes by brightness and by size in the camera picture, for the tables of an evaluation."""

import numpy as np

# The smallest network input is 16 pixels wide; a ball near the feet is about 100 pixels wide.
SIDE_CLASSES = {
    "far, side below 16 px": 16,
    "side 16 to 32 px": 32,
    "side 32 to 64 px": 64,
    "near, side 64 px and more": np.inf,
}
BRIGHTNESS_CLASSES = {"dark, mean Y below 70": 70, "mean Y 70 to 140": 140, "bright, mean Y 140 and more": 256}


def mean_brightness(X):
    """Returns the mean Y of each patch, float [n]; X, uint8 [n, h, w, c], may be in a file and is read in blocks."""
    return np.concatenate([X[start : start + 8192][..., 0].mean((1, 2)) for start in range(0, len(X), 8192)])


def class_of(values, classes: dict[str, float]):
    """Returns the name of each value's class, str [n]. classes: name -> upper limit, in increasing order."""
    return np.array(list(classes))[np.digitize(values, list(classes.values())[:-1])]


def brightness_class(mean_y):
    """Returns the brightness class of each patch, str [n], from its mean Y, [n]; dark patches are the hardest."""
    return class_of(mean_y, BRIGHTNESS_CLASSES)


def size_class(side):
    """Returns each patch's size class, str [n]. side: its width in camera pixels, [n]. Distant balls are the hardest.

    Returns None if no width is known. None or NaN means that a width is unknown.
    """
    if side is None or np.isnan(side).all():
        return None
    return np.where(np.isnan(side), "side unknown", class_of(side, SIDE_CLASSES))
