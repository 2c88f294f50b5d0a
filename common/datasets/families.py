"""Defines the names of the archive's dataset families.

A family is a set of files with the same stem, `D_CAMERA_SxS`, one file per split. Its patches all have the
same colour, cut, border, camera and size.
"""

import difflib
from dataclasses import dataclass
from itertools import product

from common.errors import UserError

COLOURS = {"yuv422_y_only_pil": 1, "yuv422_pil": 2}  # name -> channels of X
PATCH_TYPES = ("legacy", "segmentation")
BORDERS = (0, 10, 20)
CAMERAS = ("combined", "top", "bottom")
SIZES = (16, 32)
SPLITS = ("train", "validation", "test")
PREFIXES = {"classification": "classification_patches", "detection": "ball_radius_center_patches"}
ENDINGS = {"classification": "ball_no_ball_X_y.h5", "detection": "ball_radius_center_X_y.h5"}
DEFAULT_STEMS = {task: f"{prefix}_yuv422_y_only_pil_legacy_border0_combined_16x16" for task, prefix in PREFIXES.items()}
SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class Family:
    """One family of dataset files; the patches are square, and `border` and `size` are in pixels."""

    task: str
    colour: str
    patch_type: str
    border: int
    camera: str
    size: int

    @property
    def channels(self) -> int:
        """The number of channels: 1 for Y; 2 for Y and the interleaved U/V."""
        return COLOURS[self.colour]

    @property
    def folder(self) -> str:
        """The family's folder in the archive."""
        return f"{self.task}/{PREFIXES[self.task]}_{self.colour}_{self.patch_type}_border{self.border}"

    @property
    def stem(self) -> str:
        """The name that `--dataset` takes."""
        return f"{self.folder.partition('/')[2]}_{self.camera}_{self.size}x{self.size}"

    @property
    def short_name(self) -> str:
        """What differs from the default family, then camera and size: `combined 16x16`, `uv border10 top 32x32`."""
        unusual = ["uv" * (self.channels == 2), self.patch_type.removeprefix("legacy"), f"border{self.border}"]
        unusual = [word for word in unusual if word not in ("", "border0")]
        return " ".join([*unusual, self.camera, f"{self.size}x{self.size}"])

    def file(self, part: str) -> str:
        """Returns the path of one file of the family in the archive; `part` is a split or an origin."""
        return f"{self.folder}/{self.stem}_{part}_{ENDINGS[self.task]}"


def possible_cameras(patch_type: str) -> tuple[str, ...]:
    """Returns the cameras of a patch type; segmentation patches come only from the bottom camera."""
    return ("bottom",) if patch_type == "segmentation" else CAMERAS


def all_families(task: str) -> list[Family]:
    """Returns every family that the archive may contain for a task."""
    return [
        Family(task, colour, patch_type, border, camera, size)
        for colour, patch_type, border in product(COLOURS, PATCH_TYPES, BORDERS)
        for camera, size in product(possible_cameras(patch_type), SIZES)
    ]


def short_name(name: str) -> str:
    """Returns a dataset's name for lists and titles: a family's short name, or the name cut to 40 characters."""
    short = {family.stem: family.short_name for task in PREFIXES for family in all_families(task)}
    return short.get(name, name if len(name) <= 40 else f"{name[:39]}…")


def parse_stem(stem: str, task: str) -> Family:
    """Returns the family with this stem.

    Raises:
        UserError: there is no such family; the message suggests the most similar name.
    """
    families = {family.stem: family for family in all_families(task)}
    if stem in families:
        return families[stem]
    for other in PREFIXES:
        if other != task and stem in {family.stem for family in all_families(other)}:
            raise UserError(f"This is a {other} dataset, but a {task} dataset is needed. Received: --dataset {stem}.")
    near = difflib.get_close_matches(stem, [*families, SYNTHETIC], n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]}?" if near else "--list-datasets shows the names."
    raise UserError(f"There is no {task} dataset with this name. Received: --dataset {stem}. {hint}")
