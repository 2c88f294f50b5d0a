"""Circles in pixels: of candidates and of a detector, and drawn on pictures."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLOUR = (255, 0, 255)  # does not occur on a field


def of_boxes(boxes: np.ndarray, scale: float) -> np.ndarray:
    """The circle in the middle of each candidate: float [n, 3], radius, x and y in pixels.

    Args:
        boxes: [n, 4], left, top, right, bottom.
        scale: side of a candidate in diameters.
    """
    left, top, right, bottom = boxes.T.astype(float)
    return np.stack([(right - left) / (2 * scale), (left + right) / 2, (top + bottom) / 2], axis=1)


def of_answers(boxes: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Converts a detector's circles from fractions of the patch to pixels of the picture: [n, 3], radius, x and y.

    A network may output a radius below 0, so the radius is at least one pixel.
    """
    left, top, right, bottom = boxes.T.astype(float)
    radius, x, y = answers.T.astype(float)
    return np.stack(
        [np.maximum(radius * (right - left), 1), left + x * (right - left), top + y * (bottom - top)], axis=1
    )


def draw(image: Image.Image, circles: np.ndarray, scores: np.ndarray) -> Image.Image:
    """A copy of a picture with circles and their scores."""
    image = image.copy()
    pen = ImageDraw.Draw(image)
    size = max(14, image.height // 32)
    pen.font = ImageFont.load_default(size)
    for (radius, x, y), score in zip(circles.tolist(), scores.tolist(), strict=True):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=COLOUR, width=max(2, image.height // 240))
        below = min(max(y + radius + 2, 0), image.height - size - 4)
        place = (min(max(x - size, 0), image.width - 3 * size), below)
        pen.text(place, f"{score:.2f}", fill="white", stroke_width=2, stroke_fill="black")
    return image
