"""Reads the TK03 patches (grey, 16x16, without camera and recording) from one pickle of four objects.

The objects are: the mean, a number; the images [n, 16, 16], as pixel / 255 - mean; the targets [n, 4] = [radius, x, y,
is_ball] in fractions; and the names of files.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common.datasets.families import Family
from common.errors import UserError
from dataset_tools.sources import labels, safe_pickle
from dataset_tools.sources.labels import Facts, Refused

NAME = "tk03_combined_detection.pkl"  # name in the archive
SIDE = 16  # pixels


def fits(family: Family) -> bool:
    """Returns whether a family can contain TK03 patches, which have no colour, only one size and no known camera."""
    return (family.channels, family.camera, family.size) == (1, "combined", SIDE)


def read(path: Path, digest) -> Iterator[tuple[np.ndarray, Facts] | str]:
    """Reads the patches in order.

    Args:
        path: the pickle.
        digest: hashlib object that is updated with the file's content.

    Yields:
        For each patch, its brightness, uint32 [16, 16] (see dataset_tools.building.sample_pixels), and its labels; for
        a skipped patch, a text with the reason.

    Raises:
        UserError: the pickle is damaged or hostile, or does not contain TK03 patches.
    """
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    objects = list(safe_pickle.load_all(path))
    if len(objects) != 4:
        raise UserError(f"{path}: expected mean, images, targets and paths. Received: {len(objects)} objects.")
    mean, images, targets = objects[:3]
    if isinstance(mean, float | int):
        mean = np.float64(mean)
    shapes = tuple(getattr(part, "shape", type(part).__name__) for part in (mean, images, targets))
    count = shapes[1][0] if isinstance(shapes[1], tuple) and shapes[1] else 0
    if shapes != ((), (count, SIDE, SIDE), (count, 4)) or any(
        part.dtype.kind not in "fiu" for part in (mean, images, targets)
    ):
        raise UserError(f"{path}: expected a number, arrays [n, 16, 16] and [n, 4]. Received: {shapes}.")
    for index in range(count):
        try:
            with np.errstate(all="ignore"):  # `_patch` rejects infinite pixels
                image = images[index] + mean
            yield _patch(image, targets[index])
        except Refused as refused:
            yield str(refused)


def _patch(image: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Facts]:
    with np.errstate(all="ignore"):
        gray = np.round(image.astype(np.float64) * 255)
    if not ((gray >= 0) & (gray <= 255)).all():
        raise Refused("pixels outside 0..255")
    if target[3] not in (0, 1):
        raise Refused("is_ball is not 0 or 1")
    circle = tuple(float(value) for value in target[:3]) if target[3] else labels.UNKNOWN
    low, high = labels.CENTRE_RANGE
    if target[3] and not (0 < circle[0] <= labels.RADIUS_MAX and low <= min(circle[1:]) <= max(circle[1:]) <= high):
        circle = labels.UNKNOWN
    return gray.astype("<u4"), Facts(float(target[3]), circle=circle)
