"""Converts the overlaps and positions in a patch's text chunks to its class and detection target."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dataset_tools.sources import borders

BALL_ABOVE, PENALTY_ABOVE, ROBOT_ABOVE = 0.5, 0.75, 0.4  # overlaps above which a patch shows the object
NO_BALL, BALL, PARTIAL, AMBIGUOUS, DROPPED = range(5)
KIND_NAMES = ("no ball", "ball", "partial", "ambiguous", "dropped")
OVERLAPS = ("ball_intersect", "penalty_intersect", "robot_intersect")
BOX = ("p_min_x", "p_min_y", "p_max_x", "p_max_y")
PLACES = tuple(f"{what}_center_{axis}" for what in ("ball", "penalty", "robot") for axis in "xy")
KEYS = {*OVERLAPS, *BOX, *PLACES, "ball_radius"}
CAMERA_PICTURE_MIN = 320  # pixels: a picture at least this wide with an aspect ratio of 4:3 is a whole camera picture
COORDINATE_LIMIT = 10_000  # pixels; a larger number is not a position in or near a camera image
CENTRE_RANGE, RADIUS_MAX = (-0.25, 1.25), 1.0  # fractions that common.datasets.patch_file accepts
UNKNOWN = (math.nan, math.nan, math.nan)


class Refused(Exception):
    """Raised if a patch is skipped.

    The text is the reason, which is the same for all patches with the same fault.
    """


class Facts(NamedTuple):
    """What is known about one patch: overlaps 0..1, and radius, centre x and centre y in fractions of the patch."""

    ball: float
    penalty: float = 0.0
    robot: float = 0.0
    circle: tuple[float, float, float] = UNKNOWN


def facts_from_text(text: Mapping[str, object], width: int, height: int, border: int) -> Facts:
    """Reads the text chunks of a NaoTH patch.

    Args:
        text: keys and values of the chunks. A missing key means 0 if there are other keys. A picture without any key
            has no label: an image tool dropped the keys, or the picture is not a patch.
        width: width of the patch, pixels.
        height: height of the patch, pixels.
        border: border of all patches of this root in pixels, from the root's name; 0 means none.

    Raises:
        Refused: there is no label, the picture is not a patch, or a value is not a number or is out of range.
    """
    if width >= CAMERA_PICTURE_MIN and 3 * width == 4 * height:
        raise Refused("a whole camera picture, not a patch")
    if KEYS.isdisjoint(text):
        raise Refused("no label in its PNG text")
    overlaps = [number(text, key) for key in OVERLAPS]
    for key, value in zip(OVERLAPS, overlaps, strict=True):
        if not 0 <= value <= 1:
            raise Refused(f"{key} is not within 0..1")
    ball, penalty, robot = overlaps
    if ball <= 0:
        return Facts(ball, penalty, robot)
    return Facts(ball, penalty, robot, _circle(text, width, height, border))


def number(text: Mapping[str, object], key: str) -> float:
    """Returns the value of a text chunk, or 0 if it is missing.

    Raises:
        Refused: the value is not a number, or is out of range.
    """
    try:
        value = float(text.get(key, 0))
    except (TypeError, ValueError):
        raise Refused(f"{key} is not a number") from None
    if not abs(value) <= COORDINATE_LIMIT:  # also NaN
        raise Refused(f"{key} is out of range")
    return value


def _circle(text: Mapping[str, object], width: int, height: int, border: int) -> tuple[float, float, float]:
    """Returns [radius, x, y] in fractions of the patch with its border; NaN if unknown.

    A patch must have the size of its box. A patch without a border may have no box.
    """
    x, y, radius = (number(text, key) for key in ("ball_center_x", "ball_center_y", "ball_radius"))
    box = left, top, right, bottom = tuple(number(text, key) for key in BOX)
    moved = borders.shift(box, border) if border else (0, 0)
    boxless = not border and (left, top) == (right, bottom)
    if moved is None or not (boxless or (right - left, bottom - top) == (width, height)):
        return UNKNOWN
    circle = (radius / width, (x + moved[0]) / width, (y + moved[1]) / height)
    low, high = CENTRE_RANGE
    plausible = 0 < circle[0] <= RADIUS_MAX and low <= circle[1] <= high and low <= circle[2] <= high
    return circle if plausible else UNKNOWN


def kinds(ball: np.ndarray, robot: np.ndarray) -> np.ndarray:
    """Classifies patches as NO_BALL, BALL, PARTIAL or AMBIGUOUS: uint8 [n] from overlaps [n]."""
    result = np.full(len(ball), NO_BALL, np.uint8)
    result[ball > 0] = PARTIAL
    result[ball > BALL_ABOVE] = BALL
    result[(ball > BALL_ABOVE) & (robot > ROBOT_ABOVE)] = AMBIGUOUS
    return result


def others(penalty: np.ndarray, robot: np.ndarray) -> dict[str, int]:
    """Counts the patches that show a penalty mark or a robot (often mistaken for a ball), from overlaps [n]."""
    return {"penalty mark": int((penalty > PENALTY_ABOVE).sum()), "robot": int((robot > ROBOT_ABOVE).sum())}
