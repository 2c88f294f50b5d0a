"""Finds where objects are in a picture: circles of balls, boxes of other objects, regions to avoid."""

from typing import NamedTuple

import numpy as np

from dataset_tools.annotations.kinds import BALL, IGNORE
from dataset_tools.annotations.record import Record
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped

RADIUS_MIN = 2.0  # pixels; smaller balls look like noise
# Maximum ratio of a box's sides. A longer box that does not touch the picture's edge shows only a part of a ball, so
# the ball's centre is unknown.
ASPECT_MAX = 2.0
EDGE = 1.0  # pixels; a box within this distance of the picture's edge touches the edge
GRID = 1024  # edges are rounded to 1 / GRID pixel, so that boxes in percent and in pixels give the same result
ROWS = (np.arange(128) + 0.5) / 64 - 1  # positions of rows across a disc of radius 1
HALF_ROWS = np.sqrt(1 - ROWS**2)
AWAY = 0.1  # width of the margin around a ball that negatives also avoid, as a fraction of the ball's radius


Edges = tuple[float, float, float, float]  # left, top, right, bottom


class Circle(NamedTuple):
    """A ball, in pixels from the top left corner of the picture, and its annotated box."""

    radius: float
    x: float
    y: float
    box: Edges


class Scene(NamedTuple):
    """One picture: its balls, the boxes of other objects by kind, and the boxes that negatives must avoid.

    If `free` is False, no negatives are cut.
    """

    width: int
    height: int
    balls: list[Circle]
    objects: dict[str, list[Edges]]
    avoid: list[Edges]
    free: bool


def circle_of(box: Edges, width: float, height: float) -> Circle:
    """Returns the circle for a ball's box.

    Its centre is the centre of the box, and its radius is a quarter of the box's width + height. If the box touches the
    picture's edge, the ball is cut off. The radius of such a ball is half of the box's longer side, and the centre is
    one radius away from the box's inner edge.
    """
    left, top, right, bottom = box
    cut_x, cut_y = (left <= EDGE, right >= width - EDGE), (top <= EDGE, bottom >= height - EDGE)
    cut = any(cut_x + cut_y)
    radius = max(right - left, bottom - top) / 2 if cut else (right - left + bottom - top) / 4
    return Circle(radius, _centre(left, right, cut_x, radius), _centre(top, bottom, cut_y, radius), box)


def _centre(low: float, high: float, cut: tuple[bool, bool], radius: float) -> float:
    if cut[0] == cut[1]:
        return (low + high) / 2
    return high - radius if cut[0] else low + radius


def scene_of(record: Record, width: int, height: int, scale: tuple[float, float]) -> tuple[Scene, list[Skipped]]:
    """Returns the positions of all annotated objects, in pixels, and the boxes that were left out.

    If the box of a ball is invalid, no negatives are cut, because the ball may be anywhere in the picture.
    """
    balls, objects, avoid, skipped, free = [], {}, [], [], record.certified
    for box in record.boxes:
        pixels = tuple(edge * by for edge, by in zip(box[1:], scale * 2, strict=True))
        try:
            _check(pixels, width, height)
            pixels = tuple(round(edge * GRID) / GRID for edge in pixels)
            if box.kind == BALL:
                avoid.append(pixels)
                balls.append(_ball(pixels, width, height))
                around = balls[-1].radius * (1 + AWAY)
                x, y = balls[-1].x, balls[-1].y
                avoid.append((x - around, y - around, x + around, y + around))
            elif box.kind == IGNORE:
                avoid.append(pixels)
            else:
                objects.setdefault(box.kind, []).append(pixels)
        except Refused as refused:
            free &= box.kind not in (BALL, IGNORE) or pixels in avoid
            skipped.append(Skipped(record.name, f"{box.kind}: {refused}"))
    return Scene(width, height, balls, objects, avoid, free), skipped


def _check(box: Edges, width: int, height: int) -> None:
    left, top, right, bottom = box
    if not (right > left and bottom > top):  # also NaN
        raise Refused("empty box")
    if min(right, width) - max(left, 0) < 1 or min(bottom, height) - max(top, 0) < 1:
        raise Refused("box outside the picture")
    if right - left > 2 * width or bottom - top > 2 * height:
        raise Refused("box much larger than the picture")


def _ball(box: Edges, width: int, height: int) -> Circle:
    left, top, right, bottom = box
    circle = circle_of(box, width, height)
    inside = left > EDGE and top > EDGE and right < width - EDGE and bottom < height - EDGE
    if inside and max(right - left, bottom - top) > ASPECT_MAX * min(right - left, bottom - top):
        raise Refused("box far from square, so the ball's centre is unknown")
    if circle.radius < RADIUS_MIN:
        raise Refused(f"smaller than {2 * RADIUS_MIN:g} pixels")
    return circle


def ball_shares(circle: Circle, patches: np.ndarray) -> np.ndarray:
    """Returns the fraction of a ball's disc that is in each patch: float [n], accurate to 0.001.

    Args:
        circle: the ball.
        patches: [n, 3], left, top and side of each patch.
    """
    left, top, side = patches.T.astype(float)
    half, rows = circle.radius * HALF_ROWS, circle.y + circle.radius * ROWS
    inside = (rows > top[:, None]) & (rows < (top + side)[:, None])
    right = np.minimum(circle.x + half, (left + side)[:, None])
    chord = np.clip(right - np.maximum(circle.x - half, left[:, None]), 0, None)
    return (chord * inside).sum(axis=1) / (2 * half.sum())


def overlaps(boxes: np.ndarray, patches: np.ndarray) -> np.ndarray:
    """Returns the area of each box [left, top, right, bottom] in each patch [left, top, side]: [patches, boxes]."""
    left, top, side = patches.T.astype(float)[:, :, None]
    width = np.minimum(left + side, boxes[:, 2]) - np.maximum(left, boxes[:, 0])
    height = np.minimum(top + side, boxes[:, 3]) - np.maximum(top, boxes[:, 1])
    return np.clip(width, 0, None) * np.clip(height, 0, None)
