"""Reads pictures and patches as a stream from files, folders, zips, NaoTH logs and HDF5 patch files."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from PIL import Image

from common.cli.program import check_files
from common.datasets.patch_checks import open_file
from common.errors import UserError
from dataset_tools.annotations import naoth_log, picture_names
from dataset_tools.annotations.find_pictures import SUFFIXES, walk
from dataset_tools.annotations.recognise import ALREADY_READ
from dataset_tools.annotations.record import Place, Record
from dataset_tools.sources.patch_sources import Skipped
from dataset_tools.sources.zip_members import Member, members

ROWS = 256  # patches of an HDF5 file that are read at a time
PATCH_SIDE_MAX = 128  # pixels; a square picture up to this size is a patch
HDF5_NAMES = {".h5", ".hdf5"}
ENDINGS = SUFFIXES | HDF5_NAMES | {".log", ".zip"}


def frames(sources: Iterable[Path]) -> Iterator[Record | Skipped]:
    """Yields all pictures of the sources, ordered by source and then by name; they are not decoded yet.

    Every file is read once, even if several sources or links lead to it.

    Raises:
        UserError: a source does not exist, cannot be read, or contains no picture.
    """
    seen: set[str] = set()
    for source in sources:
        check_files([source], folders=True)
        folder, found = source.is_dir(), False
        label = picture_names.label_of(source) if folder else source.absolute().parent.name
        for name in walk(source, ENDINGS) if folder else [source.name]:
            path = source / name if folder else source
            if (file := os.path.realpath(path)) in seen:
                found = True
                yield Skipped(name, ALREADY_READ)
                continue
            seen.add(file)
            is_picture = path.suffix.lower() in SUFFIXES
            for item in [_picture(name, path, label)] if is_picture else _of_file(path, picture_names.label_of(path)):
                found |= isinstance(item, Record)
                yield item
        if not found:
            wanted = "a picture, a folder or zip of pictures, a NaoTH log or a patch file"
            raise UserError(f"{source}: no picture in it. Expected {wanted}.")


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
    else:
        yield from _of_log(path, label)


def _picture(name: str, path: Path, label: str, camera: str = "", member: Member | None = None) -> Record:
    record = Record(name, (), False, None, path, camera or picture_names.camera_of(name), place=member)
    return record._replace(recording=picture_names.recording_of(record, label, None))


def _of_log(path: Path, label: str) -> Iterator[Record | Skipped]:
    """Yields the pictures of a log; if there are none, the robot's own candidates."""
    messages = (place.message for place in naoth_log.places(path) if isinstance(place, Place))
    kind, patch = ("Image", "") if any(name.startswith("Image") for name in messages) else ("Ball", "unlabelled")
    for place in naoth_log.places(path):
        if isinstance(place, Skipped):
            yield place
        elif place.message.startswith(kind):
            name = f"{place.frame:07d}_{place.camera}"
            yield Record(name, (), False, None, path, place.camera, label, place, patch)


def is_patch(image: Image.Image) -> bool:
    """Whether a picture is a patch rather than a camera picture."""
    return image.width == image.height <= PATCH_SIDE_MAX
