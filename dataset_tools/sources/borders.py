"""Finds the position of the patch without border inside a patch that was cut with a border.

The public exporter of NaoTH patches extends a patch by the border only to the left and to the top, and in each
direction only if the corner's coordinate stays above 0. If the right or lower edge plus the border would be outside the
camera picture, the exporter subtracts the border there. The exporter stores the box of the extended patch, but the
ball's position in the patch without border.
"""

from itertools import product

import numpy as np

CAMERA_WIDTH, CAMERA_HEIGHT = 640, 480  # pixels


def shift(box: tuple[float, float, float, float], border: int) -> tuple[int, int] | None:
    """Returns the offset (x, y) of the patch without border in the patch with border; None if several are possible.

    Patches are cut square, so the changes at the four edges must leave the patch without border square.

    Args:
        box: left, top, right, bottom of the extended patch in the camera picture, pixels.
        border: pixels.
    """
    left, top, right, bottom = box
    across, down = _changes(left, right, CAMERA_WIDTH, border), _changes(top, bottom, CAMERA_HEIGHT, border)
    shifts = {
        (x, y)
        for (x, less_x), (y, less_y) in product(across, down)
        if right - left - x + less_x == bottom - top - y + less_y > 0
    }
    return shifts.pop() if len(shifts) == 1 else None


def _changes(low: float, high: float, size: int, border: int) -> list[tuple[int, int]]:
    """Returns possible changes along one axis, in pixels: (added at the low end, subtracted at the high end)."""
    if not border:
        return [(0, 0)]
    added = [border] if low > border else [border, 0] if low > 0 else [0]
    taken = [0] if high <= size - 2 * border else [0, border]
    return list(product(added, taken))


def grow(boxes: np.ndarray, border: int, width: int, height: int) -> np.ndarray:
    """Applies the border to boxes as the exporter does: int64 [n, 4], left, top, right, bottom.

    Args:
        boxes: int64 [n, 4].
        border: pixels.
        width, height: size of the picture, pixels.
    """
    low, high = boxes[:, :2], boxes[:, 2:]
    low = np.where(low > border, low - border, low)
    high = np.where(high + border > (width, height), high - border, high)
    usable = (high > low).all(axis=1, keepdims=True)  # near the picture's edge, a small box may become empty
    return np.where(usable, np.concatenate([low, high], axis=1), boxes)
