"""Reads patches that are already cut: b-alls-2019.hdf5, class folders, and the robot's own candidates in a log."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath

from common.datasets.safe_hdf5 import SafeFile, open_hdf5
from common.errors import UserError
from dataset_tools.annotations import naoth_log
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import SUFFIXES, walk
from dataset_tools.annotations.record import Place, Record
from dataset_tools.sources.patch_sources import Skipped

ROWS = 256  # maximum number of rows of an HDF5 file in one record
GROUPS = ("negatives", "positives")
CLASS_FOLDERS = {  # names of folders, without spaces, `-` and `_`
    "ball": {"ball", "balls", "positive", "positives", "1", "1.00"},
    "no ball": {"noball", "noballs", "nonball", "negative", "negatives", "0", "0.00"},
}


def class_of(folder: str) -> str:
    """Returns `ball` or `no ball`, or an empty string if the folder's name is not a class."""
    plain = re.sub(r"[-_ ]", "", folder.casefold())
    return next((kind for kind, names in CLASS_FOLDERS.items() if plain in names), "")


def read_class_folders(path: Path, classes: Classes) -> Iterator[Record | Skipped]:
    """Yields the patches in class folders (`ball`, `noball`, ...) at any depth.

    The names of the other folders identify the recording.
    """
    for name in walk(path, SUFFIXES):
        parts = PurePosixPath(name).parts
        at = next((index for index in range(len(parts) - 2, -1, -1) if class_of(parts[index])), None)
        if at is None:
            yield Skipped(name, "not in a class folder")
        else:
            yield Record(name, (), True, picture=path / name, patch=class_of(parts[at]))


def read_b_alls(path: Path, _: Classes) -> Iterator[Record | Skipped]:
    """Reads the groups `positives` and `negatives`: `data` uint8 [n, 32, 32], `labels` [n, 4] = is_ball, x, y, radius.

    Raises:
        UserError: the file does not have this layout.
    """
    with closing(open_hdf5(path, [f"{name}/{key}" for name in GROUPS for key in ("data", "labels")])) as file:
        shapes = {name: _checked(file, name) for name in GROUPS}
    for name, count in shapes.items():
        for start in range(0, count, ROWS):
            place = Place(start, min(ROWS, count - start), name, start)
            yield Record(f"{name}/{start:07d}", (), True, picture=path, place=place, patch="labelled")


def _checked(file: SafeFile, name: str) -> int:
    path, data, labels = file.path, file.columns.get(f"{name}/data"), file.columns.get(f"{name}/labels")
    if data is None or labels is None:
        found = ", ".join(file.names()) or "nothing"
        raise UserError(f"{path}: no {name}/data and {name}/labels. Received: {found}.")
    shape = data.shape
    square = len(shape) >= 3 and shape[1] == shape[2] and shape[3:] in ((), (1,))
    if not square or data.dtype != "uint8" or labels.shape != (shape[0], 4) or labels.dtype.kind not in "iuf":
        found = f"{data.dtype} {data.shape} and {labels.dtype} {labels.shape}"
        raise UserError(f"{path}: {name} must be uint8 [n, side, side] and numbers [n, 4]. Received: {found}.")
    return shape[0]


def read_candidates(path: Path, _: Classes) -> Iterator[Record | Skipped]:
    """Yields the robot's own candidates of every frame of a log, without labels."""
    for place in naoth_log.places(path):
        if isinstance(place, Skipped):
            yield place
        elif place.message.startswith("BallCandidates"):
            name = f"{place.frame:07d}"
            yield Record(name, (), False, picture=path, camera=place.camera, place=place, patch="unlabelled")
