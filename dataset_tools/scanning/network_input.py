"""Cuts patches out of a picture like the network's training patches: same border, sampling and colour."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from dataset_tools.building import colour, sample_pixels
from dataset_tools.sources.borders import grow


@dataclass(frozen=True)
class Plan:
    """How candidates are found and cut.

    size: side of the network's input, pixels. channels: 1 (Y) or 2 (Y and U/V). rule: sampling rule, a key of
    `common.datasets.sampling_rules.RULES`. border: pixels by which its patches are larger than candidates.
    radius: smallest and largest radius of a ball, pixels. scale: side of a candidate in diameters.
    most: maximum number per picture.
    """

    size: int
    channels: int
    rule: str
    border: int
    radius: tuple[float, float]
    scale: float
    most: int


def rgbx(image: Image.Image) -> np.ndarray:
    """An RGB picture in the format for `pixels`: uint32 [height, width]."""
    return np.frombuffer(image.tobytes("raw", "RGBX"), "<u4").reshape(image.height, image.width)


def grown(squares: np.ndarray, border: int, width: int, height: int) -> np.ndarray:
    """Boxes int64 [n, 4], left, top, right, bottom, of squares [n, 3] with the border of the training patches."""
    boxes = np.concatenate([squares[:, :2], squares[:, :2] + squares[:, 2:]], axis=1)
    return grow(boxes, border, width, height) if border else boxes


def cut(picture: np.ndarray, boxes: np.ndarray, plan: Plan) -> np.ndarray:
    """Cuts boxes out of a picture as network inputs.

    Args:
        picture: uint32 [height, width], see `rgbx`.
        boxes: int64 [n, 4], left, top, right, bottom, all inside.
        plan: the network's input.

    Returns:
        uint8 [n, size, size, channels].
    """
    size, planes = plan.size, plan.channels
    samples = np.empty((len(boxes), planes, size * size), np.uint32)
    shapes = np.stack([boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]], axis=1)
    flat, across = picture.reshape(-1), picture.shape[1]
    if plan.rule == "area":
        for index, (left, top, right, bottom) in enumerate(boxes):
            samples[index] = sample_pixels.average(picture[top:bottom, left:right], size)
        shapes = shapes[:0]
    for height, width in np.unique(shapes, axis=0).tolist():
        mine = np.flatnonzero((shapes == (height, width)).all(axis=1))
        rows, columns = np.divmod(sample_pixels.sample_indices(height, width, size, plan.rule, planes == 2), width)
        corner = boxes[mine, 1] * across + boxes[mine, 0]
        samples[mine] = flat[corner[:, None, None] + rows * across + columns]
    return colour.to_channels(samples.reshape(-1, planes, size, size))


def whole(picture: np.ndarray, plan: Plan, ready: bool) -> np.ndarray:
    """The network input for a patch that is already cut out: [1, size, size, channels].

    Args:
        picture: uint32 [height, width], see `rgbx`.
        plan: the network's input.
        ready: it was subsampled before it was saved, so a patch of the network's size is used unchanged.
    """
    height, width = picture.shape
    if ready and height == width == plan.size:
        indices = sample_pixels.as_it_is(height, width, plan.channels == 2)
        return colour.to_channels(picture.reshape(-1)[indices].reshape(1, plan.channels, height, width))
    return cut(picture, np.array([[0, 0, width, height]]), plan)
