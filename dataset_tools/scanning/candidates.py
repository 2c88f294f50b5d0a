"""Finds where in a picture a ball may be: squares that differ from their surroundings, in all requested sizes.

The sum over a square of any size takes four look-ups in an integral image (Crow 1984), so most parts of a picture are
rejected before they are cut out.
"""

import numpy as np

from dataset_tools.cutting.place_patches import CONTRAST_MIN, SIDE_MIN

RATIO = 1.25  # ratio of successive radii; a square fits balls with 0.9 to 1.12 times its radius
STEP = 0.15  # distance between neighbouring squares, as a fraction of their side
INNER = 0.8  # side of the inner square in ball diameters; 0.71 for the largest square inside a circle
SIDE_MAX_32 = 256  # pixels; sums of squared values over larger squares need more than 32 bits


def find(luma: np.ndarray, radius: tuple[float, float], scale: float, most: int) -> np.ndarray:
    """Returns the squares of a picture that look most like something round against a plain background.

    Their inner part differs from the outer part in brightness, or has more contrast. Of neighbouring squares, only the
    best is kept.

    Args:
        luma: uint8 [height, width].
        radius: smallest and largest radius of a ball, pixels.
        scale: side of a square in ball diameters.
        most: maximum number of squares.

    Returns:
        int64 [n, 3]: left, top, side; the most likely first.
    """
    count = int(np.log(radius[1] / radius[0]) / np.log(RATIO) + 1e-6) + 1
    sides = {round(2 * radius[0] * RATIO**number * scale) for number in range(count)}
    sides = sorted(side for side in sides if SIDE_MIN <= side <= min(luma.shape))
    if not sides:
        return np.empty((0, 3), np.int64)
    wide = np.uint32 if max(sides) <= SIDE_MAX_32 else np.uint64
    sums = [_integral(values, wide) for values in (luma, luma.astype(np.uint16) ** 2)]
    found = [_of_side(sums, side, round(side * INNER / scale)) for side in sides]
    squares, value = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return squares[np.lexsort((*squares.T, -value))[:most]]


def _integral(values: np.ndarray, wide: type) -> np.ndarray:
    """Returns an integral image; its sums may overflow, but their differences are still correct."""
    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1), wide)
    np.cumsum(values, axis=0, dtype=wide, out=sums[1:, 1:])
    return np.cumsum(sums, axis=1, dtype=wide, out=sums)


def _box(sums: np.ndarray, start: int, side: int, outer: int, step: int) -> np.ndarray:
    """Returns sums over squares of side `side` that begin `start` pixels inside each square of `outer`: float32."""
    rows, columns = sums.shape[0] - outer + start, sums.shape[1] - outer + start
    top, bottom = sums[start:rows:step], sums[start + side : rows + side : step]
    left, right = slice(start, columns, step), slice(start + side, columns + side, step)
    return (bottom[:, right] - bottom[:, left] - top[:, right] + top[:, left]).astype(np.float32)


def _of_side(sums: list[np.ndarray], side: int, inner: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the squares of one size that are the best among their neighbours (see `find`), and their values [n]."""
    step = max(1, round(side * STEP))
    whole = [_box(part, 0, side, side, step) for part in sums]
    middle = [_box(part, (side - inner) // 2, inner, side, step) for part in sums]
    rest = [outer - core for outer, core in zip(whole, middle, strict=True)]
    contrast = _mean_and_deviation(whole, side * side)[1]
    mean, deviation = _mean_and_deviation(middle, inner * inner)
    mean_around, deviation_around = _mean_and_deviation(rest, side * side - inner * inner)
    value = np.abs(mean - mean_around) + deviation - deviation_around
    value = np.where(contrast >= CONTRAST_MIN, value, -np.inf)
    padded = np.pad(value, 1, constant_values=-np.inf)  # scipy's maximum_filter is much slower than these lines
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    highest = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    places = np.argwhere((value == highest) & (value > -np.inf))
    return np.insert(places[:, ::-1] * step, 2, side, axis=1), value[tuple(places.T)]


def _mean_and_deviation(sums: list[np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and deviation of squares of `count` pixels, from the sums of their values and squared values."""
    mean, mean_of_squares = (part / count for part in sums)
    return mean, np.sqrt(np.maximum(mean_of_squares - mean * mean, 0))
