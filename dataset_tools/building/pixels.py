"""From the pixels of a cut-out patch to the network's input, exactly as the robot does it.

A patch travels as `rgbx`: uint32 [height, width], a pixel each, red in the lowest byte and 255 in the highest, because
gathering 4-byte pixels is several times faster than gathering three bytes each. A highest byte of 0 marks a pixel that
is brightness alone, in its lowest byte: Pillow's conversion of gray is off by one for some values. Only the pixels that
the network will see are converted to YCbCr, those of a whole batch in one call of Pillow.
"""

from functools import lru_cache

import numpy as np
from PIL import Image

METHODS = ("robot", "nearest")


def positions(side: int, size: int, method: str = "robot") -> np.ndarray:
    """Which pixels of a side the network sees: int [size], indices 0..side-1.

    `robot` is the robot's rule, the middle of each cell: int((k + 0.5) * step + 0.5), step = side / size, clamped.
    `nearest` is the plain resize, int(k * step): up to half a network pixel further up and left.
    """
    step = side / size
    offset, rounding = (0.5, 0.5) if method == "robot" else (0.0, 0.0)
    return np.array([min(int((k + offset) * step + rounding), side - 1) for k in range(size)])


@lru_cache(maxsize=20_000)  # sides of 8 to 150 pixels, a few kB each
def sample_indices(height: int, width: int, size: int, method: str, chroma: bool) -> np.ndarray:
    """Flat indices into a patch of the pixels that make the network's input.

    With chroma a second row holds each pixel's neighbour in its YUV422 pair (columns 0 and 1, 2 and 3, ...); the last
    column of an odd width is its own neighbour.

    Returns:
        int64 [1 or 2, size * size]
    """
    rows, columns = positions(height, size, method), positions(width, size, method)
    own = rows[:, None] * width + columns
    if not chroma:
        return own.reshape(1, -1)
    neighbours = np.minimum(columns ^ 1, width - 1)
    return np.stack([own.ravel(), (rows[:, None] * width + neighbours).ravel()])


def as_it_is(height: int, width: int, chroma: bool) -> np.ndarray:
    """Indices like `sample_indices` for a patch that was subsampled to the network's size before it was saved."""
    own = np.arange(height * width)
    columns = own % width
    neighbour = own - columns + np.minimum(columns ^ 1, width - 1)
    return np.stack([own, neighbour]) if chroma else own[None]


def to_channels(samples: np.ndarray) -> np.ndarray:
    """Sampled pixels to Y, or to Y and interleaved U/V, with Pillow's RGB -> YCbCr.

    U and V are the means of a pixel pair, rounded down; even columns of the second channel hold U, odd columns V.

    Args:
        samples: uint32 [n, 1 or 2, size, size]; with 2 the second holds the neighbours of the first.

    Returns:
        uint8 [n, size, size, 1 or 2]
    """
    count, planes, size, _ = samples.shape
    image = Image.frombuffer("RGB", (size, count * planes * size), samples.tobytes(), "raw", "RGBX", 0, 1)
    ycbcr = np.asarray(image.convert("YCbCr")).reshape(count, planes, size, size, 3)
    channels = np.empty((count, size, size, planes), np.uint8)
    channels[..., 0] = np.where(samples[:, 0] >> 24, ycbcr[:, 0, :, :, 0], samples[:, 0] & 255)
    if planes == 2:
        pairs = ycbcr[..., 1:].astype(np.uint16).sum(axis=1) // 2  # [n, size, size, U and V]
        channels[:, :, 0::2, 1] = pairs[:, :, 0::2, 0]
        channels[:, :, 1::2, 1] = pairs[:, :, 1::2, 1]
    return channels
