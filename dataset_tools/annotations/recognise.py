"""Recognises the format of a file or folder, and reads its records together with their pictures."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import h5py

from common.errors import UserError
from dataset_tools.annotations import coco, json_stream, label_studio, naoth_log, patch_sets, torso, voc, yolo
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import SUFFIXES, PictureFolder, walk
from dataset_tools.annotations.picture_names import GENERIC, camera_of, frame_of
from dataset_tools.annotations.record import Record
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped

Items = Iterator[Record | Skipped]
READERS: dict[str, Callable[[Path, Classes], Items]] = {
    "yolo": yolo.read,
    "coco": coco.read,
    "voc": voc.read,
    "label-studio": label_studio.read,
    "torso": torso.read,
    "b-alls": patch_sets.read_b_alls,
    "classes": patch_sets.read_class_folders,
    "naoth-candidates": patch_sets.read_candidates,
    "naoth-log": None,  # read together with annotations, see `_log`
}


class Source(NamedTuple):
    """A file or folder with annotations, its format, and the folder of its pictures."""

    path: Path
    format: str
    pictures: Path


def recognise(path: Path, given: str | None = None, pictures: Path | None = None) -> list[Source]:
    """The sources at a path: the path itself, or the annotation files or logs in a folder.

    Raises:
        UserError: the path does not exist, or has no known format, or several.
    """
    if given not in (None, *READERS):
        raise UserError(f"--format must be one of {', '.join(READERS)}. Received: {given}.")
    if not path.exists():
        raise UserError(f"{path}: no such file or folder.")
    found = [(file, kind) for file, kind in _candidates(path) if given in (None, kind)]
    if not found and given:  # trust the user
        found = [(path, given)]
    kinds = sorted({kind for _, kind in found})
    if len(kinds) != 1:
        what = f"annotations of several formats: {', '.join(kinds)}" if kinds else "no annotations of a known format"
        raise UserError(f"{path}: {what}. Choose one with --format. Known: {', '.join(READERS)}.")
    return [Source(file, kind, pictures or (path if path.is_dir() else path.parent)) for file, kind in found]


def _candidates(path: Path) -> Iterator[tuple[Path, str]]:
    if not path.is_dir():
        yield from ((path, kind) for kind in _of_file(path))
        return
    for folder in (path, path / "annotations"):
        for file in sorted(folder.glob("*")):
            if file.suffix.lower() in (".json", ".yaml", ".yml", ".h5", ".hdf5") and file.is_file():
                yield from ((file, kind) for kind in _of_file(file) if kind != "yolo")
    if walk(path, {".xml"}):
        yield path, "voc"
    yield from ((path / name, "naoth-log") for name in walk(path, {".log"}))
    pictures = [PurePosixPath(name) for name in walk(path, SUFFIXES)]
    classes = {patch_sets.class_of(part) for picture in pictures for part in picture.parts[:-1]}
    if classes >= {"ball", "no ball"}:
        yield path, "classes"
    stems = {picture.stem for picture in pictures}
    if any(PurePosixPath(name).stem in stems for name in walk(path, {".txt"})):
        yield path, "yolo"


def _of_file(path: Path) -> list[str]:
    """The format of a file, from its suffix and its first element."""
    ending = path.suffix.lower()
    if ending == ".json":
        key, value = next(json_stream.elements(path), ("", None))
        if key == "" and isinstance(value, dict) and "data" in value:
            return ["label-studio"]
        known = {"images", "annotations", "categories", "info", "licenses"}
        return ["coco"] if key in known else []
    if ending in (".yaml", ".yml"):
        with path.open("rb") as stream:
            return ["torso"] if re.search(rb"^images:", stream.read(1 << 16), re.MULTILINE) else ["yolo"]
    if ending in (".h5", ".hdf5"):
        return ["b-alls"] if h5py.is_hdf5(path) else []
    return {".xml": ["voc"], ".log": ["naoth-log"]}.get(ending, [])


def records(source: Source, classes: Classes, annotations: list[Source], several_logs: bool = False) -> Items:
    """All records of a source, each with its picture and, if its name contains it, its camera.

    Args:
        source: the source to read.
        classes: the meaning of class names.
        annotations: for logs: COCO or Label Studio files; the names of their pictures contain the frame number.
        several_logs: whether the names of annotated pictures must say which log they are from.

    Raises:
        UserError: the source cannot be read, or is a log without annotations.
    """
    if source.format == "naoth-log":
        yield from _log(source.path, classes, annotations, several_logs)
        return
    search, used = PictureFolder(source.pictures), {}
    for item in READERS[source.format](source.path, classes):
        if isinstance(item, Record):
            try:
                picture = item.picture or search.find(item.name)
            except Refused as refused:
                yield Skipped(item.name, str(refused))
                continue
            if item.place is None and used.setdefault(picture, item.name) != item.name:
                yield Skipped(item.name, "several annotated names point to this picture")
                continue
            item = item._replace(picture=picture, camera=item.camera or camera_of(item.name))
        yield item


def _log(path: Path, classes: Classes, annotations: list[Source], several_logs: bool) -> Items:
    """The annotated pictures of a log."""
    if not annotations:
        raise UserError(
            f"{path}: a log has no labels. Pass a Label Studio or COCO file for its pictures with --annotations, or use"
            " --format naoth-candidates for the robot's own candidates, without labels."
        )
    wanted: dict[tuple[int, str], Record] = {}
    for source in annotations:
        for item in READERS[source.format](source.path, classes):
            if isinstance(item, Skipped):
                yield item
            elif _is_of(item.name, path, several_logs):
                key = (frame_of(item.name), camera_of(item.name))
                if key in wanted:
                    raise UserError(
                        f"{source.path}: two pictures of the same frame. Received: {wanted[key].name} and {item.name}."
                        f" Their names must contain the camera (top, bottom), and the log if there are several."
                    )
                wanted[key] = item
    for place in naoth_log.places(path):
        if isinstance(place, Skipped):
            yield place
        elif place.message.startswith("Image"):
            camera = naoth_log.CAMERAS[place.message]
            found = wanted.pop((place.frame, camera), None) or wanted.pop((place.frame, ""), None)
            if found is not None:
                name = f"{place.frame:07d}_{camera}"
                yield found._replace(name=name, picture=path, camera=camera, place=place)
    yield from (Skipped(item.name, "annotated picture is not in the log") for item in wanted.values())


def _is_of(name: str, log: Path, several: bool) -> bool:
    return not several or any(part in name for part in (log.stem, log.parent.name) if part not in GENERIC)
