"""Reads the frame, the camera and the recording from the names of pictures and files."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from dataset_tools.annotations.find_pictures import UPLOAD
from dataset_tools.annotations.patch_sets import class_of
from dataset_tools.annotations.record import Record
from dataset_tools.sources.labels import Refused

WORD = r"(?i:(?<![a-z])({})(?![a-z]))"
CAMERA_WORDS = {"top": re.compile(WORD.format("top|upper")), "bottom": re.compile(WORD.format("bottom|lower"))}
GENERIC = {  # names of folders and files that do not identify a recording
    *("images", "image", "imgs", "img", "labels", "annotations", "jpegimages", "pictures", "frames", "dataset", "data"),
    *("train", "val", "valid", "validation", "test", "obj_train_data", "log", "logs", "game", "combined", "export"),
}


def number_of(record: Record, index: int = 0) -> int:
    """Returns the number of a picture in its recording, or the row of a patch in an HDF5 file; -1 if it is unknown."""
    if not record.in_log:
        return frame_of(record.name)
    return record.place.frame + (index if record.patch == "rows" else 0)


def frame_of(name: str) -> int:
    """Returns the last number in a picture's file name, or -1 if there is none."""
    found = re.findall(r"\d+", PurePosixPath(UPLOAD.sub("", PurePosixPath(name).name)).stem)
    return int(found[-1]) if found and len(found[-1]) < 10 else -1


def camera_of(name: str) -> str:
    """Returns the last camera that a picture's path mentions: `top` or `bottom`; empty if it mentions neither.

    In a path, `upper` means `top`, and `lower` means `bottom`.
    """
    last = {camera: max((m.start() for m in word.finditer(name)), default=-1) for camera, word in CAMERA_WORDS.items()}
    camera = max(last, key=last.__getitem__)
    return camera if last[camera] >= 0 else ""


def label_of(path: Path) -> str:
    """Returns a name for a source: the name of its file or folder.

    If this name is GENERIC, returns the name of the nearest folder above it that is not GENERIC.
    """
    path = path.absolute()
    names = [path.name if path.is_dir() else path.stem, *(folder.name for folder in path.parents)]
    telling = (name for name in names if name and not name.startswith("instances_") and name.casefold() not in GENERIC)
    return next(telling, names[0])


def labels_of(paths: Iterable[Path]) -> list[str]:
    """Returns a different name for each source."""
    names = [label_of(path) for path in paths]
    return [f"{name}-{names[: at + 1].count(name)}" if name in names[:at] else name for at, name in enumerate(names)]


def recording_of(record: Record, label: str, pattern: re.Pattern | None) -> str:
    """Returns the name of a picture's recording; all pictures of a recording stay on the same side of a split.

    If a pattern is given, the name is the text that its first group matches, or the whole match if it has no group.
    Otherwise the name consists of the source's label, the names of the folders that are not GENERIC and, for names like
    `GAME-000123.png`, the part before the last `-`.

    Raises:
        Refused: the pattern does not match the name.
    """
    path = PurePosixPath(record.name)
    if pattern is not None:
        found = pattern.search(record.name)
        if found is None:
            raise Refused("name does not match --recording")
        return found.group(1 if pattern.groups else 0) or label
    game, dash, frame = UPLOAD.sub("", path.stem).rpartition("-")
    game = record.recording or (game if dash and any(map(str.isdigit, frame)) else "")
    folders = [part for part in path.parts[:-1] if part.casefold() not in GENERIC and not class_of(part)]
    if record.in_log:
        return label
    return "_".join(part for part in (label, *folders, game) if part)
