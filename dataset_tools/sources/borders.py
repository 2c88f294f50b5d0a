"""Where a patch without border lies in a picture with one.

The public exporter of NaoTH patches grows a patch by the border to the left and to the top alone, each only where the
corner stays above 0. Where the right or lower edge and a border would leave the camera picture, it takes the border
away there. It keeps the grown patch's box, but the ball's place in the patch without border.
"""

from itertools import product

import numpy as np

CAMERA_WIDTH, CAMERA_HEIGHT = 640, 480  # pixels


def shift(box: tuple[float, float, float, float], border: int) -> tuple[int, int] | None:
    """How far the patch without border begins inside the one with it, in x and y; None where the box leaves it open.

    Patches are cut square: so of all that can have happened at the four edges, it was what leaves a square.

    Args:
        box: left, top, right, bottom of the grown patch in the camera picture, pixels.
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
    """What can have been added at the lower edge and taken away at the upper edge of one axis, pixels."""
    if not border:
        return [(0, 0)]
    added = [border] if low > border else [border, 0] if low > 0 else [0]
    taken = [0] if high <= size - 2 * border else [0, border]
    return list(product(added, taken))


def grow(boxes: np.ndarray, border: int, width: int, height: int) -> np.ndarray:
    """What the exporter makes of patches without border, see above: int64 [n, 4], left, top, right, bottom.

    Args:
        boxes: int64 [n, 4].
        border: pixels.
        width, height: of the picture, pixels.
    """
    low, high = boxes[:, :2], boxes[:, 2:]
    low = np.where(low > border, low - border, low)
    high = np.where(high + border > (width, height), high - border, high)
    usable = (high > low).all(axis=1, keepdims=True)  # near the edge nothing may be left of a small one
    return np.where(usable, np.concatenate([low, high], axis=1), boxes)
