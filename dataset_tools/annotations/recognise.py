"""Recognises the format of a file or folder, and reads its records together with their pictures."""

import os
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from common.cli.program import check_files
from common.errors import UserError
from dataset_tools.annotations import coco, json_stream, label_studio, naoth_log, patch_sets, torso, voc, yolo
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import SUFFIXES, PictureFolder, walk
from dataset_tools.annotations.picture_names import GENERIC, camera_of, frame_of, labels_of, recording_of
from dataset_tools.annotations.record import Items, Record
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped

ALREADY_READ = "already read, from another source or under another name"
LISTS = (".json", ".yaml", ".yml", ".h5", ".hdf5")  # suffixes of files with the annotations of a whole folder
# A reader yields the pictures of a file or folder, or raises UserError if it is unreadable or has no ball class.
READERS: dict[str, Callable[[Path, Classes], Items]] = {
    "yolo": yolo.read,
    "coco": coco.read,
    "voc": voc.read,
    "label-studio": label_studio.read,
    "torso": torso.read,
    "b-alls": patch_sets.read_b_alls,
    "classes": patch_sets.read_class_folders,
    "naoth-candidates": patch_sets.read_candidates,
    "naoth-log": None,  # a log is read together with annotations, see `_frames`
}


class Source(NamedTuple):
    """A file or folder with annotations, its format, and the folder of its pictures."""

    path: Path
    format: str
    pictures: Path


def recognise(path: Path, given: str | None = None, pictures: Path | None = None) -> list[Source]:
    """Returns the sources at a path: the path itself, or the annotation files or logs in a folder.

    Raises:
        UserError: the path does not exist, has no annotations of a known format, or has annotations of several formats.
    """
    if given not in (None, *READERS):
        raise UserError(f"--format must be one of {', '.join(READERS)}. Received: {given}.")
    check_files([path], folders=True)
    found = _candidates(path) if path.is_dir() else [(path, _of_file(path))]
    wanted = {None: READERS, "naoth-candidates": {"naoth-log"}}.get(given, {given})
    found = [(file, given or kind) for file, kind in found if kind in wanted]
    if not found and given:  # trust the user
        found = [(path, given)]
    kinds = sorted({kind for _, kind in found})
    if not kinds and path.is_file() and path.suffix.lower() == ".json" and not any(json_stream.elements(path)):
        raise UserError(f"{path}: contains no annotations, because its lists are empty. Export it again.")
    if not kinds:
        how = f"Annotate the pictures first (docs/loop.md), or name their format with --format: {', '.join(READERS)}"
        raise UserError(f"{path}: no annotations of a known format. {how}.")
    if len(kinds) > 1:
        how = "Pass the folder of each format, or choose one of them with --format"
        raise UserError(f"{path}: annotations of several formats: {', '.join(kinds)}. {how}.")
    return [Source(file, kind, pictures or (path if path.is_dir() else path.parent)) for file, kind in found]


def _candidates(folder: Path) -> Iterator[tuple[Path, str]]:
    for file in [*sorted(folder.glob("*")), *sorted(folder.glob("annotations/*"))]:
        if file.suffix.lower() in LISTS and file.is_file() and (kind := _of_file(file)) != "yolo":
            yield file, kind
    names = [PurePosixPath(name) for name in walk(folder, SUFFIXES | {".xml", ".log", ".txt"})]
    yield from (
        (folder / name, "naoth-log") for name in names if name.suffix.lower() == ".log" and (folder / name).is_file()
    )
    if any(name.suffix.lower() == ".xml" for name in names):
        yield folder, "voc"
    pictures = [name for name in names if name.suffix.lower() in SUFFIXES]
    if {patch_sets.class_of(part) for name in pictures for part in name.parts[:-1]} >= {"ball", "no ball"}:
        yield folder, "classes"
    stems = {name.stem for name in pictures}
    if any(name.suffix.lower() == ".txt" and name.stem in stems for name in names):
        yield folder, "yolo"


def _of_file(path: Path) -> str:
    """Returns the format of a file, from its suffix and its beginning; empty if it is unknown."""
    ending = path.suffix.lower()
    if ending == ".json":
        key, value = next(json_stream.elements(path), ("", None))
        if key in ("images", "annotations", "categories", "info", "licenses"):
            return "coco"
        return "label-studio" if not key and isinstance(value, dict) and "data" in value else ""
    if ending in (".yaml", ".yml"):
        with path.open("rb") as stream:
            return "torso" if re.search(rb"^images:", stream.read(1 << 16), re.MULTILINE) else "yolo"
    return {".xml": "voc", ".log": "naoth-log", ".h5": "b-alls", ".hdf5": "b-alls"}.get(ending, "")


def records(
    sources: Collection[Source],
    classes: Classes,
    annotations: Collection[Source] = (),
    pattern: re.Pattern | None = None,
) -> Items:
    """Yields all records of the sources, with their pictures and recordings.

    A record also gets a camera if the picture's name mentions one. Every picture is read once, even if several
    sources or names lead to it.

    Args:
        sources: the sources to read.
        classes: the class names that mean a ball, a robot or a penalty mark.
        annotations: COCO or Label Studio files with boxes for the pictures of logs. The names of these pictures contain
            the frame number and, if there are several logs, the name of the log.
        pattern: see `recording_of`.

    Raises:
        UserError: a source cannot be read, or is a log without annotations.
    """
    frames: Frames = {}
    if logs := [source.path for source in sources if source.format == "naoth-log"]:
        yield from _annotated_frames(logs, annotations, classes, frames)
    seen = set()
    for source, label in zip(sources, labels_of(source.path for source in sources), strict=True):
        search = PictureFolder(source.pictures)
        read = READERS[source.format]
        for item in read(source.path, classes) if read else _frames(source.path, frames):
            try:
                if isinstance(item, Record):
                    picture = item.picture or search.find(item.name)
                    key = os.path.realpath(picture), item.place
                    if key in seen:
                        raise Refused(ALREADY_READ)
                    seen.add(key)
                    item = item._replace(picture=picture, camera=item.camera or camera_of(item.name))
                    item = item._replace(recording=recording_of(item, label, pattern))
                yield item
            except Refused as refused:
                yield Skipped(item.name, str(refused))
    yield from (Skipped(item.name, "annotated picture is not in the log") for item in frames.values())


Frames = dict[tuple[Path, int, str], Record]  # annotated pictures by log, frame and camera


def _annotated_frames(logs: list[Path], annotations: Collection[Source], classes: Classes, frames: Frames) -> Items:
    """Adds the annotated pictures of logs to `frames`, and yields the pictures that are skipped."""
    if not annotations:
        raise UserError(
            f"{logs[0]}: a log has no labels. Pass a Label Studio or COCO file for its pictures with --annotations, or"
            " use --format naoth-candidates for the robot's own candidates, without labels."
        )
    names = {log: {log.stem, log.parent.name} - GENERIC for log in logs}
    for source in annotations:
        for item in READERS[source.format](source.path, classes):
            own = [log for log in logs if len(logs) == 1 or any(name in item.name for name in names[log])]
            if isinstance(item, Skipped):
                yield item
            elif not own:
                yield Skipped(item.name, "name contains none of the logs' names")
            for log in own if isinstance(item, Record) else ():
                same = frames.setdefault((log, frame_of(item.name), camera_of(item.name)), item)
                if same is not item:
                    raise UserError(
                        f"{source.path}: two pictures of the same frame. Received: {same.name} and {item.name}."
                        f" Their names must contain the camera (top, bottom), and the log if there are several."
                    )


def _frames(path: Path, frames: Frames) -> Items:
    """Yields the annotated pictures of a log, and removes them from `frames`."""
    for place in naoth_log.places(path):
        if isinstance(place, Skipped):
            yield place
        elif place.message.startswith("Image"):
            found = frames.pop((path, place.frame, place.camera), None) or frames.pop((path, place.frame, ""), None)
            if found is not None:
                name = f"{place.frame:07d}_{place.camera}"
                yield found._replace(name=name, picture=path, camera=place.camera, place=place)
