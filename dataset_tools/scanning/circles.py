"""Converts circles to pixels, removes overlapping circles, and draws circles on pictures."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLOUR = (255, 0, 255)  # magenta, which does not occur on a field


def in_pixels(boxes: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Converts circles from fractions of each box to pixels of the picture: float [n, 3], radius, x and y.

    A network may output a radius below 0, so radii below one pixel are raised to one pixel.

    Args:
        boxes: [n, 4], left, top, right, bottom. fractions: [n, 3].
    """
    sides = (boxes[:, 2:] - boxes[:, :2]).astype(float)
    radius = np.maximum(fractions[:, :1] * sides[:, :1], 1)
    return np.concatenate([radius, boxes[:, :2] + fractions[:, 1:] * sides], axis=1)


def in_the_middle(boxes: np.ndarray, scale: float) -> np.ndarray:
    """Returns the circle in the middle of each candidate, in pixels; scale: side of a candidate in ball diameters."""
    return in_pixels(boxes, np.tile([0.5 / scale, 0.5, 0.5], (len(boxes), 1)))


def merge_circles(circles: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Removes the circles that overlap a better circle; returns the indices of the remaining ones, best first.

    Two circles overlap if the centre of one is inside the other (greedy non-maximum suppression).
    """
    left = np.argsort(-scores, kind="stable")
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        away = np.hypot(*(circles[left, 1:] - circles[best, 1:]).T)
        left = left[away >= np.maximum(circles[left, 0], circles[best, 0])]
    return np.array(kept, int)


def draw(image: Image.Image, circles: np.ndarray, scores: np.ndarray) -> Image.Image:
    """Returns a copy of a picture with circles and their scores drawn on it."""
    image = image.copy()
    pen = ImageDraw.Draw(image)
    size = max(14, image.height // 32)
    pen.font = ImageFont.load_default(size)
    for (radius, x, y), score in zip(circles.tolist(), scores.tolist(), strict=True):
        pen.circle((x, y), radius, outline=COLOUR, width=max(2, image.height // 240))
        below = min(max(y + radius + 2, 0), image.height - size - 4)
        place = (min(max(x - size, 0), image.width - 3 * size), below)
        pen.text(place, f"{score:.2f}", fill="white", stroke_width=2, stroke_fill="black")
    return image
