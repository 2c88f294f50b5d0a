"""Cuts patches out of a picture with the same sampling and colours as the network's training patches."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dataset_tools.building.colour import to_channels
from dataset_tools.building.sample_pixels import sample


@dataclass(frozen=True)
class Plan:
    """How candidates are found and cut.

    size: side of the network's input, pixels. channels: 1 (Y) or 2 (Y and U/V). rule: sampling rule, a key of
    `common.datasets.sampling_rules.RULES`. border: how far a patch extends beyond its candidate, in pixels.
    radius: smallest and largest radius of a ball, pixels. scale: side of a candidate in ball
    diameters. most: maximum number of candidates per picture.
    """

    size: int
    channels: int
    rule: str
    border: int
    radius: tuple[float, float]
    scale: float
    most: int


def rgbx(image: Image.Image) -> np.ndarray:
    """Returns the pixels of an RGB picture: uint32 [height, width], see `dataset_tools.building.sample_pixels`."""
    return np.frombuffer(image.tobytes("raw", "RGBX"), "<u4").reshape(image.height, image.width)


def cut(picture: np.ndarray, boxes: np.ndarray, plan: Plan) -> np.ndarray:
    """Cuts boxes out of a picture as network inputs: uint8 [n, size, size, channels].

    Args:
        picture: uint32 [height, width], see `rgbx`.
        boxes: int64 [n, 4], left, top, right, bottom, all inside the picture.
    """
    return subsample((picture[top:bottom, left:right] for left, top, right, bottom in boxes.tolist()), plan)


def subsample(patches: Iterable[np.ndarray], plan: Plan, ready: bool = False) -> np.ndarray:
    """Converts patches uint32 [height, width] to network inputs; for `ready`, see `sample_pixels.sample`."""
    samples = [sample(patch, plan.size, plan.rule, plan.channels == 2, ready) for patch in patches]
    return to_channels(np.array(samples, np.uint32).reshape(-1, plan.channels, plan.size, plan.size))
