"""Reads pictures and patches as a stream from files, folders, zips, NaoTH logs and HDF5 patch files."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from common.datasets.patch_file import open_patches, task_of
from common.errors import UserError
from dataset_tools.annotations import naoth_log, picture, recognise
from dataset_tools.annotations.find_pictures import SUFFIXES, walk
from dataset_tools.annotations.record import Place, Record
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped
from dataset_tools.sources.zip_members import Member, members, read_member

ROWS = 256  # patches of an HDF5 file that are read at a time
PATCH_SIDE_MAX = 128  # pixels; a square picture up to this size is a patch
ZIP_NAMES = (".zip",)
HDF5_NAMES = (".h5", ".hdf5")


class Frame(NamedTuple):
    """A picture or some patches, not yet read; `member` of a zip; `number` within its recording, -1 if unknown."""

    record: Record
    recording: str
    number: int
    member: Member | None = None

    @property
    def camera(self) -> str:
        """`top`, `bottom`, or empty."""
        return self.record.camera or recognise.camera_of(self.record.name)


def frames(paths: Iterable[Path]) -> Iterator[Frame | Skipped]:
    """All pictures of some sources, in the order of the sources, then of names; nothing is decoded yet.

    Raises:
        UserError: a source does not exist, cannot be read, or contains no picture.
    """
    for path in paths:
        found = False
        for item in _of_path(path):
            found |= isinstance(item, Frame)
            yield item
        if not found:
            wanted = "a picture, a folder or zip of pictures, a NaoTH log or a patch file"
            raise UserError(f"{path}: no picture in it. Expected {wanted}.")


def _of_path(path: Path) -> Iterator[Frame | Skipped]:
    label = recognise.label_of(path)
    if path.is_dir():
        suffixes = SUFFIXES | {".log", *ZIP_NAMES, *HDF5_NAMES}
        for name in walk(path, suffixes):
            inner = path / name
            if inner.suffix.lower() in SUFFIXES:
                yield _frame(Record(name, (), False, picture=inner), label)
            else:
                yield from _of_file(inner, recognise.label_of(inner))
    elif path.is_file():
        yield from _of_file(path, label)
    else:
        raise UserError(f"there is no such file or folder. Received: {path}.")


def _of_file(path: Path, label: str) -> Iterator[Frame | Skipped]:
    ending = path.suffix.lower()
    if ending in ZIP_NAMES:
        for member in members(path, tuple(SUFFIXES)):
            camera = recognise.camera_of(member.name) or recognise.camera_of(path.as_posix())
            yield _frame(Record(member.name, (), False, picture=path, camera=camera), label, member)
    elif ending in HDF5_NAMES:
        with open_patches(path, task_of(path)) as file:
            count = len(file)
        for start in range(0, count, ROWS):
            place = Place(start, min(ROWS, count - start), "rows", start)
            yield Frame(Record(path.name, (), False, picture=path, place=place, patch="rows"), label, start)
    elif ending in SUFFIXES:
        yield _frame(Record(path.name, (), False, picture=path), path.absolute().parent.name)
    else:
        yield from _of_log(path, label)


def _frame(record: Record, label: str, member: Member | None = None) -> Frame:
    return Frame(record, recognise.recording_of(record, label, None), recognise.frame_of(record.name), member)


def _of_log(path: Path, label: str) -> Iterator[Frame | Skipped]:
    """The pictures of a log; if there are none, the robot's own candidates."""
    images = any(isinstance(place, Place) and place.message.startswith("Image") for place in naoth_log.places(path))
    for place in naoth_log.places(path):
        if isinstance(place, Skipped):
            yield place
        elif place.message.startswith("Image") == images:
            camera = naoth_log.CAMERAS[place.message]
            patch = "" if images else "unlabelled"
            record = Record(f"{place.frame:07d}_{camera}", (), False, None, path, camera, label, place, patch)
            yield Frame(record, label, place.frame)


def read_bytes(frame: Frame) -> bytes:
    """The bytes of a picture in a file, a zip or a log.

    Raises:
        Refused: it is missing, too large or damaged.
    """
    if frame.member is None:
        return picture.read_bytes(frame.record)
    try:
        descriptor = os.open(frame.record.picture, os.O_RDONLY)
    except OSError:
        raise Refused("the zip cannot be read") from None
    try:
        return read_member(descriptor, frame.member, picture.BYTES_MAX)
    finally:
        os.close(descriptor)


def read_picture(frame: Frame) -> Image.Image:
    """The picture in RGB, upright.

    Raises:
        Refused: it cannot be read.
    """
    return picture.decode(read_bytes(frame), frame.record)


def read_rows(frame: Frame) -> np.ndarray:
    """The patches of an HDF5 file's part: uint8 [n, size, size, channels]."""
    start, count, *_ = frame.record.place
    with open_patches(frame.record.picture, task_of(frame.record.picture)) as file:
        return file.read(start, start + count).X


def is_patch(image: Image.Image) -> bool:
    """Whether a picture is a patch rather than a camera picture."""
    return image.width == image.height <= PATCH_SIDE_MAX
