"""Reads pictures and patches as a stream from files, folders, zips, NaoTH logs and HDF5 patch files."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

from common.datasets.patch_checks import open_file
from common.errors import UserError
from dataset_tools.annotations import naoth_log, picture_names
from dataset_tools.annotations.find_pictures import SUFFIXES, walk
from dataset_tools.annotations.record import Place, Record
from dataset_tools.sources.patch_sources import Skipped
from dataset_tools.sources.zip_members import Member, members

ROWS = 256  # patches of an HDF5 file that are read at a time
PATCH_SIDE_MAX = 128  # pixels; a square picture up to this size is a patch
HDF5_NAMES = {".h5", ".hdf5"}


def frames(paths: Iterable[Path]) -> Iterator[Record | Skipped]:
    """All pictures of some sources, in the order of the sources, then of names; nothing is decoded yet.

    Raises:
        UserError: a source does not exist, cannot be read, or contains no picture.
    """
    for path in paths:
        found = False
        for item in _of_path(path):
            found |= isinstance(item, Record)
            yield item
        if not found:
            wanted = "a picture, a folder or zip of pictures, a NaoTH log or a patch file"
            raise UserError(f"{path}: no picture in it. Expected {wanted}.")


def _of_path(path: Path) -> Iterator[Record | Skipped]:
    label = picture_names.label_of(path)
    if path.is_file():
        yield from _of_file(path, label)
    elif not path.is_dir():
        raise UserError(f"there is no such file or folder. Received: {path}.")
    for name in walk(path, SUFFIXES | HDF5_NAMES | {".log", ".zip"}):  # nothing in a file
        if Path(name).suffix.lower() in SUFFIXES:
            yield _picture(name, path / name, label)
        else:
            yield from _of_file(path / name, picture_names.label_of(path / name))


def _of_file(path: Path, label: str) -> Iterator[Record | Skipped]:
    ending = path.suffix.lower()
    if ending == ".zip":
        for member in members(path, tuple(SUFFIXES)):
            camera = picture_names.camera_of(member.name) or picture_names.camera_of(path.as_posix())
            yield _picture(member.name, path, label, camera, member)
    elif ending in HDF5_NAMES:
        with closing(open_file(path)) as file:
            count = len(file.columns["X"])
        camera = picture_names.camera_of(path.name)
        for start in range(0, count, ROWS):
            place = Place(start, min(ROWS, count - start), "rows", start)
            yield Record(path.name, (), False, None, path, camera, label, place, "rows")
    elif ending in SUFFIXES:
        yield _picture(path.name, path, path.absolute().parent.name)
    else:
        yield from _of_log(path, label)


def _picture(name: str, path: Path, label: str, camera: str = "", member: Member | None = None) -> Record:
    record = Record(name, (), False, None, path, camera or picture_names.camera_of(name), place=member)
    return record._replace(recording=picture_names.recording_of(record, label, None))


def _of_log(path: Path, label: str) -> Iterator[Record | Skipped]:
    """The pictures of a log; if there are none, the robot's own candidates."""

    def is_image(place: Place | Skipped) -> bool:
        return isinstance(place, Place) and place.message.startswith("Image")

    images = any(map(is_image, naoth_log.places(path)))
    for place in naoth_log.places(path):
        if isinstance(place, Skipped):
            yield place
        elif is_image(place) == images:
            camera = naoth_log.CAMERAS[place.message]
            patch = "" if images else "unlabelled"
            yield Record(f"{place.frame:07d}_{camera}", (), False, None, path, camera, label, place, patch)


def read_rows(record: Record) -> np.ndarray:
    """The patches in a part of an HDF5 file: uint8 [n, size, size, channels]."""
    start, count, *_ = record.place
    with closing(open_file(record.picture)) as file:
        return file.columns["X"].read(start, start + count)


def is_patch(image: Image.Image) -> bool:
    """Whether a picture is a patch rather than a camera picture."""
    return image.width == image.height <= PATCH_SIDE_MAX
