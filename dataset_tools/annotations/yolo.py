"""YOLO: `labels/NAME.txt` for `images/NAME.jpg`, or beside it; lines `class centre_x centre_y w h` in fractions."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from common.errors import UserError
from dataset_tools.annotations import yaml_stream
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import SUFFIXES, walk
from dataset_tools.annotations.record import BALL, FRACTIONS, IGNORE, OTHER, Box, Record
from dataset_tools.annotations.values import number
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped

LINES_MAX = 10_000  # lines in the label file of one picture
NOT_LABELS = {"classes", "train", "val", "valid", "test", "obj", "names", "readme", "requirements", "notes"}


def read(path: Path, classes: Classes) -> Iterator[Record | Skipped]:
    """The pictures of a folder, or of the folder of a YAML file.

    Raises:
        UserError: there are no class names, and the ball class is not given as a number.
    """
    folder = path if path.is_dir() else path.parent
    names = _names(folder, path, classes)
    if names:
        classes.check([*names.values(), *(key for key in names if classes.kind(key) == BALL)], path)
    elif not any(key.isdecimal() for key in classes.names[BALL]):
        raise UserError(
            f"{path}: no yaml or classes.txt with class names. Pass the number of the ball class: --ball-class 0."
        )
    labels = {PurePosixPath(name).with_suffix("").as_posix() for name in walk(folder, {".txt"})}
    used = set()
    for name in walk(folder, SUFFIXES):
        stem = next((stem for stem in _stems(name) if stem in labels), "")
        if not stem:
            yield Skipped(name, "not annotated: there is no label file for it")
            continue
        used.add(stem)
        yield from _record(folder, name, stem, names, classes)
    for stem in sorted(labels - used):
        if PurePosixPath(stem).name.casefold() not in NOT_LABELS:
            yield Skipped(f"{stem}.txt", "missing picture")


def _names(folder: Path, path: Path, classes: Classes) -> dict[str, str]:
    """Class names by number, from a YAML file beside the pictures or above them, else from classes.txt or obj.names."""
    files = sorted(folder.glob("*.y*ml")) + sorted(folder.parent.glob("*.y*ml")) if path.is_dir() else [path]
    for file in files:
        found = dict(yaml_stream.entries(file))
        listed = list(_listed(found.get("names", found)))
        for names in listed:
            if any(classes.kind(name) == BALL for pair in names.items() for name in pair) or len(listed) == 1:
                return names
    for file in (folder / "classes.txt", folder / "obj.names"):
        if file.is_file():
            return dict(_numbered_lines(file))
    return {}


def _listed(value: object) -> Iterator[dict[str, str]]:
    """All lists of names and all mappings from number to name in a YAML file, at any depth."""
    if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        yield {str(index): name for index, name in enumerate(value)}
    elif isinstance(value, dict) and value and all(key.isdecimal() and isinstance(value[key], str) for key in value):
        yield {str(int(key)): name for key, name in value.items()}
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in ("train", "val", "test"):
                yield from _listed(inner)


def _numbered_lines(file: Path) -> Iterator[tuple[str, str]]:
    with file.open(encoding="utf-8", errors="replace") as stream:
        for index, line in enumerate(islice(stream, LINES_MAX)):
            yield str(index), line.strip()


def _stems(name: str) -> Iterator[str]:
    """Possible paths of a picture's labels: beside it, or in `labels` instead of the last folder `images`."""
    path = PurePosixPath(name).with_suffix("")
    yield path.as_posix()
    parts = path.parts[:-1]
    if "images" in parts:
        last = len(parts) - 1 - parts[::-1].index("images")
        yield PurePosixPath(*parts[:last], "labels", *parts[last + 1 :], path.name).as_posix()


def _record(folder: Path, name: str, stem: str, names: dict[str, str], classes: Classes) -> Iterator[Record | Skipped]:
    boxes, certified = [], True
    try:
        with (folder / f"{stem}.txt").open(encoding="utf-8-sig", errors="replace") as stream:
            for count, line in enumerate(stream):
                if count == LINES_MAX:
                    raise Refused(f"more than {LINES_MAX} boxes")
                if line.strip():
                    boxes.append(_box(line.split(), names, classes))
    except (Refused, OSError) as error:  # the remaining lines may contain balls
        certified = False
        yield Skipped(name, str(error) if isinstance(error, Refused) else "unreadable label file")
    yield Record(name, tuple(boxes), certified, FRACTIONS, folder / name)


def _box(words: list[str], names: dict[str, str], classes: Classes) -> Box:
    if len(words) < 5:
        raise Refused("line is not a class and four numbers")
    index = str(int(number(words[0])))
    kind = classes.kind(index)
    kind = classes.kind(names.get(index, index)) if kind == OTHER else kind
    values = [number(word) for word in words[1:]]
    if len(values) in (4, 5):  # the fifth is a confidence
        x, y, width, height = values[:4]
        return Box(kind, x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    if len(values) % 2 == 0:  # a polygon
        return Box(kind, min(values[0::2]), min(values[1::2]), max(values[0::2]), max(values[1::2]))
    return Box(IGNORE, 0, 0, 1, 1)
