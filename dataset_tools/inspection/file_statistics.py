"""Gathers the statistics of a patch file block by block, so that its size does not matter, and derives warnings."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.datasets.patch_checks import column_order
from common.datasets.patch_file import BLOCK, KEYS, stored_patches
from common.errors import UserError
from dataset_tools.leaks import hashes

# A patch is saturated if the brightness of at least SATURATED_SHARE of its pixels is SATURATED_AT or more.
SATURATED_AT, SATURATED_SHARE = 250, 0.25
BLURRED_BELOW = 0.03  # limit of `sharpness`, which is 0.1 to 0.7 for sharp patches from the robots' cameras
FLAT_BELOW = 6.0  # standard deviation of the brightness in grey levels; flatter patches show almost nothing
# Warns if the fraction of the rarer class is below IMBALANCE, or if the fraction of flawed patches is above RARE.
IMBALANCE, RARE = 0.1, 0.05


@dataclass(frozen=True)
class Statistics:
    """Statistics of every patch of a file.

    y: labels, as in Patches. brightness, contrast: mean and standard deviation of Y in grey levels. saturated: fraction
    of pixels at SATURATED_AT or above. sharpness: of the 16x16 picture, see `sharpness`. content: uint64, equal for
    equal pixels. groups: recording, camera and origin, str [n], if the file has them.
    """

    path: Path
    task: str
    shape: tuple[int, ...]
    attributes: dict[str, object]
    y: np.ndarray
    brightness: np.ndarray
    contrast: np.ndarray
    saturated: np.ndarray
    sharpness: np.ndarray
    content: np.ndarray
    groups: dict[str, np.ndarray]
    order_warning: str = ""

    @property
    def balls(self) -> np.ndarray:
        """Whether each patch shows a ball: bool [n]."""
        return self.y > 0.5 if self.task == "classification" else np.ones(len(self.y), bool)

    @property
    def blurred(self) -> np.ndarray:
        """Whether each patch is blurred: bool [n]; flat patches do not count as blurred."""
        return (self.sharpness < BLURRED_BELOW) & (self.contrast >= FLAT_BELOW)

    @property
    def repeated(self) -> np.ndarray:
        """Whether each patch equals an earlier patch of the file, pixel by pixel: bool [n]."""
        result = np.ones(len(self.content), bool)
        result[np.unique(self.content, return_index=True)[1]] = False
        return result


def gather(path: Path, task: str) -> Statistics:
    """Gathers the statistics of a file, reading it once.

    Raises:
        UserError: the file is not a patch file.
    """
    patches = stored_patches([path], task, check_order=False)
    columns: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(patches), BLOCK):
        X = patches.X[start : start + BLOCK]
        luma = X[..., 0]
        found = {
            "brightness": luma.mean(axis=(1, 2)),
            "contrast": luma.std(axis=(1, 2)),
            "saturated": (luma >= SATURATED_AT).mean(axis=(1, 2)),
            "sharpness": sharpness(hashes.small(X)),  # always at 16x16, so that the same limit suits all sizes
            "content": hashes.content(X),
        }
        for key, values in found.items():
            columns.setdefault(key, []).append(values)
    whole = {key: np.concatenate(parts) for key, parts in columns.items()}
    groups = {key: getattr(patches, key) for key in KEYS if getattr(patches, key) is not None}
    warning = ""
    if task == "detection":
        try:
            column_order(patches.y, path)
        except UserError as error:
            warning = str(error)
    attributes = patches.X.files[0].attributes()
    return Statistics(path, task, patches.X.shape, attributes, patches.y, **whole, groups=groups, order_warning=warning)


def sharpness(luma: np.ndarray) -> np.ndarray:
    """Returns the Laplacian's variance, divided by 20 times the variance of luma [n, h, w]: 1 for noise, 0 for a ramp.

    The variance of the Laplacian is a common measure of focus (Pech-Pacheco et al., ICPR 2000). The division makes the
    result independent of contrast.
    """
    image = luma.astype(np.float32)
    middle = image[:, 1:-1, 1:-1]
    around = image[:, :-2, 1:-1] + image[:, 2:, 1:-1] + image[:, 1:-1, :-2] + image[:, 1:-1, 2:]
    return (around - 4 * middle).var(axis=(1, 2)) / (20 * image.var(axis=(1, 2)) + 1e-6)


def warnings(statistics: Statistics) -> list[str]:
    """Returns warnings about what to check before training on this file."""
    found = [statistics.order_warning] if statistics.order_warning else []
    count = len(statistics.y)
    share = statistics.balls.mean()
    if statistics.task == "classification" and not IMBALANCE <= share <= 1 - IMBALANCE:
        found.append(f"imbalance: {share:.1%} of the patches are balls")
    if statistics.task == "detection":
        outside = ((statistics.y[:, 1:] < 0) | (statistics.y[:, 1:] > 1)).any(axis=1)
        if outside.any():
            found.append(f"balls whose centre is outside the patch: {outside.sum()}")
    flat = statistics.contrast < FLAT_BELOW
    for name, mask in (
        ("exact duplicates", statistics.repeated),
        ("saturated", statistics.saturated >= SATURATED_SHARE),
        ("blurred", statistics.blurred),
        ("flat", flat),
    ):
        if mask.mean() > (0.001 if name == "exact duplicates" else RARE):
            found.append(f"{name}: {mask.sum()} of {count} patches ({mask.mean():.1%})")
    for key, names in statistics.groups.items():
        values, numbers = np.unique(names, return_counts=True)
        if key == "recording" and len(values) > 1 and numbers.max() > count / 2:
            found.append(f"recording {str(values[numbers.argmax()])!r} is {numbers.max() / count:.0%} of the file")
    return found


def group_table(statistics: Statistics, key: str) -> list[tuple[str, int, int, float]]:
    """Returns name, patches, balls and mean brightness of each recording, camera or origin, the largest first."""
    names, group = np.unique(statistics.groups[key], return_inverse=True)
    patches = np.bincount(group)
    balls = np.bincount(group, weights=statistics.balls).astype(int)
    brightness = np.bincount(group, weights=statistics.brightness) / patches
    rows = zip(names.tolist(), patches.tolist(), balls.tolist(), brightness.tolist(), strict=True)
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def shared(one: Statistics, other: Statistics) -> int:
    """Counts the patches of `other` that are also in `one`, compared pixel by pixel."""
    return int(np.isin(other.content, one.content).sum())
