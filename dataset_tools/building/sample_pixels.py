"""Subsamples a patch to the network's size, with exactly the pixels that the robot chooses.

A patch is stored as `rgbx`, uint32 [height, width]: the lowest byte of a pixel is red, and the highest byte is 255.
Gathering these 4-byte pixels is several times as fast as gathering three bytes for each pixel. If the highest byte is
0, the pixel is grey, and its lowest byte is the brightness; it is used as it is, because Pillow's conversion of grey is
off by one for some values. Only the pixels that the network sees are converted to YCbCr, for a whole batch in one call
to Pillow.
"""

from functools import lru_cache

import numpy as np

from dataset_tools.building.colour import partners


def positions(side: int, size: int, rule: str = "centres") -> np.ndarray:
    """Returns which pixels along one side of a patch the network sees: int [size], values 0..side-1.

    Args:
        rule: a key of `common.datasets.sampling_rules.RULES`, except "area". If a patch is not
            larger than the network's input, the rule "naoth" asks for a pixel beyond the patch; the patch's last pixel
            is used instead.
    """
    step = side / size
    offset, rounding = (0.0, 0.0) if rule == "corners" else (0.5, 0.5)
    return np.array([min(int((k + offset) * step + rounding), side - 1) for k in range(size)])


@lru_cache(maxsize=20_000)
def _shares(side: int, size: int) -> np.ndarray:
    """Returns the fraction of each cell that each pixel of a side covers: float64 [size, side]; each row sums to 1."""
    edges, step = np.arange(size + 1) * (side / size), side / size
    pixel = np.arange(side)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.maximum(covered, 0) / step


def average(rgbx: np.ndarray, size: int) -> np.ndarray:
    """Returns the rounded mean of each cell (rule "area"): uint32 [height, width] -> [size * size]."""
    height, width = rgbx.shape
    channels = rgbx.astype("<u4").view(np.uint8).reshape(height, width, 4).astype(np.float64)
    means = np.einsum("yi,xj,ijc->yxc", _shares(height, size), _shares(width, size), channels, optimize=True)
    return np.ascontiguousarray(np.floor(means + 0.5 + 1e-9).astype(np.uint8)).view("<u4").reshape(-1)


@lru_cache(maxsize=20_000)  # patches have sides of 8 to 150 pixels; an entry takes a few kB
def sample_indices(height: int, width: int, size: int, rule: str, chroma: bool) -> np.ndarray:
    """Returns flat indices into a patch for the pixels of the network's input.

    With chroma, a second row contains each pixel's partner (see `colour.partners`).

    Returns:
        int64 [1 or 2, size * size]
    """
    rows, columns = positions(height, size, rule), positions(width, size, rule)
    own = rows[:, None] * width + columns
    if not chroma:
        return own.reshape(1, -1)
    return np.stack([own.ravel(), (rows[:, None] * width + partners(columns, width)).ravel()])


def as_it_is(height: int, width: int, chroma: bool) -> np.ndarray:
    """Like `sample_indices`, but for a patch that was subsampled to the network's size before it was saved."""
    own = np.arange(height * width)
    columns = own % width
    return np.stack([own, own - columns + partners(columns, width)]) if chroma else own[None]


def sample(rgbx: np.ndarray, size: int, rule: str, chroma: bool, ready: bool = False) -> np.ndarray:
    """Returns the pixels of a patch that the network sees: uint32 [height, width] -> [1 or 2, size * size].

    Args:
        ready: whether the patch was subsampled before it was saved. Such a patch is used unchanged if it has the
            network's size.
    """
    height, width = rgbx.shape
    if ready and height == width == size:
        indices = as_it_is(height, width, chroma)
    elif rule == "area":  # each cell has its own U and V
        return np.stack([average(rgbx, size)] * (2 if chroma else 1))
    else:
        indices = sample_indices(height, width, size, rule, chroma)
    return rgbx.reshape(-1)[indices]
