"""Selects the patches and labels of each file of a family."""

from dataclasses import dataclass

import numpy as np

from common.datasets.families import SPLITS, Family
from dataset_tools.building.patch_store import Store
from dataset_tools.building.subsample_chunk import CAMERA_CODES
from dataset_tools.sources import labels, tk03
from dataset_tools.sources.patch_sources import ORIGINS, TK03

# The files of a family. The file of an origin contains all patches of this origin, including its test patches: never
# train on such a file.
PARTS = {"classification": (*SPLITS, *ORIGINS), "detection": SPLITS}


@dataclass(frozen=True)
class FileContent:
    """A file to write: its path in the output folder, and its patches (ascending indices of the store)."""

    name: str
    part: str
    indices: np.ndarray


def usable(store: Store, task: str, partial: str) -> np.ndarray:
    """Returns which patches have a usable label: bool [n].

    Ambiguous patches have no usable label. For detection, only balls with a known position have a usable label.
    """
    kind = store.columns["kind"]
    if task == "detection":
        return (kind == labels.BALL) & np.isfinite(store.columns["circle"]).all(axis=1)
    clear = (kind == labels.BALL) | (kind == labels.NO_BALL)
    return clear | (kind == labels.PARTIAL) if partial == "negative" else clear


def target(store: Store, task: str, indices: np.ndarray) -> np.ndarray:
    """Returns the labels in the format of the file: uint8 [n], or float32 [n, 3] = [radius, center_x, center_y]."""
    if task == "detection":
        return store.columns["circle"][indices]
    return (store.columns["kind"][indices] == labels.BALL).astype(np.uint8)


def files_of(family: Family) -> list[str]:
    """Returns the paths of all files that a family may have, in the archive and in the output folder."""
    return [family.file(part) for part in PARTS[family.task]]


def of_family(family: Family, store: Store, ready: np.ndarray, side: np.ndarray) -> list[FileContent]:
    """Returns the files of a family that contain patches: the three splits, and for classification one per origin.

    Args:
        family: the family.
        store: all patches.
        ready: bool [n], from `usable`.
        side: int [n], index into SPLITS.
    """
    mask = ready.copy()
    if family.camera != "combined":
        mask &= store.columns["camera"] == CAMERA_CODES[family.camera]
    origin = store.columns["origin"]
    if not tk03.fits(family):
        mask &= origin != ORIGINS.index(TK03)
    parts = {name: mask & (side == index) for index, name in enumerate(SPLITS)}
    if family.task == "classification":
        parts |= {name: mask & (origin == index) for index, name in enumerate(ORIGINS)}
    return [
        FileContent(family.file(part), part, np.flatnonzero(chosen)) for part, chosen in parts.items() if chosen.any()
    ]
