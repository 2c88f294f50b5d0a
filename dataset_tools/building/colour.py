"""Converts the colours of a patch to the network's channels: Y, or Y and interleaved U/V."""

import numpy as np
from PIL import Image


def partners(columns: np.ndarray, width: int) -> np.ndarray:
    """Returns the other column of each YUV422 pair (0 and 1, 2 and 3, ...).

    In a patch of odd width, the last column is its own partner.

    Args:
        columns: int [n], 0..width-1.
        width: width of the patch in pixels.

    Returns:
        int [n]
    """
    return np.minimum(columns ^ 1, width - 1)


def to_channels(samples: np.ndarray) -> np.ndarray:
    """Converts sampled pixels to Y, or to Y and interleaved U/V, with Pillow's RGB -> YCbCr.

    U and V are the means of a pixel pair, rounded down; even columns of the second channel hold U, odd columns V.

    Args:
        samples: uint32 [n, 1 or 2, size, size]. The second plane, if any, contains the partners of the pixels in the
            first.

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
