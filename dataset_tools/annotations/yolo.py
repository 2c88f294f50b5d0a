"""Reads YOLO files: `labels/NAME.txt` or NAME.txt beside the picture, with lines `class x y w h` in fractions."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from common.errors import UserError
from dataset_tools.annotations import yaml_stream
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import SUFFIXES, walk
from dataset_tools.annotations.kinds import BALL, IGNORE, OTHER
from dataset_tools.annotations.record import FRACTIONS, Box, Items, Record, annotated
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped
from dataset_tools.sources.zip_members import read_file

NOT_LABELS = {"classes", "train", "val", "valid", "test", "obj", "names", "readme", "requirements", "notes"}


def read(path: Path, classes: Classes) -> Items:
    """Yields the pictures in a folder, or in the folder of a YAML file.

    The class names or --ball-class determine which class is the ball.
    """
    folder = path if path.is_dir() else path.parent
    names = _names(folder, path, classes)
    if names:
        classes.check([*names.values(), *(key for key in names if classes.kind(key) == BALL)], path)
    elif not any(key.isdecimal() for key in classes.names[BALL]):
        raise UserError(
            f"{path}: no yaml or classes.txt with class names. Pass the number of the ball class: --ball-class 0."
        )
    labels = {PurePosixPath(name).with_suffix("") for name in walk(folder, {".txt"})}
    used = set()
    for name in walk(folder, SUFFIXES):
        stem = next((stem for stem in _stems(PurePosixPath(name)) if stem in labels), None)
        if stem is None:
            yield Skipped(name, "not annotated: there is no label file for it")
            continue
        used.add(stem)
        try:
            lines = [line.split() for line in _lines(folder / f"{stem}.txt") if line.strip()]
        except Refused as refused:
            yield Skipped(f"{stem}.txt", str(refused))
            continue
        record = Record(name, (), True, FRACTIONS, folder / name)
        yield from annotated(record, lines, lambda words: _box(words, names, classes))
    for stem in sorted(labels - used):
        if stem.name.casefold() not in NOT_LABELS:
            yield Skipped(f"{stem}.txt", "missing picture")


def _lines(file: Path) -> list[str]:
    return read_file(file).decode("utf-8-sig", "replace").splitlines()


def _names(folder: Path, path: Path, classes: Classes) -> dict[str, str]:
    """Returns the names of the classes by number.

    They come from a YAML file in the folder or above it or, if there is none, from classes.txt or obj.names.
    """
    files = sorted(folder.glob("*.y*ml")) + sorted(folder.parent.glob("*.y*ml")) if path.is_dir() else [path]
    for file in files:
        found = dict(yaml_stream.entries(file))
        listed = list(_listed(found.get("names", found)))
        for names in listed:
            if any(classes.kind(name) == BALL for pair in names.items() for name in pair) or len(listed) == 1:
                return names
    for file in (folder / "classes.txt", folder / "obj.names"):
        if file.is_file():
            return {str(index): line.strip() for index, line in enumerate(_lines(file))}
    return {}


def _listed(value: object) -> Iterator[dict[str, str]]:
    """Yields all lists of names and all mappings from number to name in a YAML file, at any depth."""
    waiting, seen = [value], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:  # an alias of a value already seen; following every alias could take forever
            continue
        seen.add(id(value))
        pairs = dict(value if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
        if pairs and all(str(key).isdecimal() and isinstance(name, str) for key, name in pairs.items()):
            yield {str(int(key)): name for key, name in pairs.items()}
        elif isinstance(value, dict):
            waiting += [inner for key, inner in reversed(value.items()) if key not in ("train", "val", "test")]


def _stems(picture: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yields possible paths of a picture's labels: beside it, or with `labels` instead of the last folder `images`."""
    path = picture.with_suffix("")
    yield path
    before, found, after = f"/{path}".rpartition("/images/")
    if found:
        yield PurePosixPath(f"{before}/labels/{after}".lstrip("/"))


def _box(words: list[str], names: dict[str, str], classes: Classes) -> Box:
    if len(words) < 5:
        raise Refused("line is not a class and four numbers")
    index = str(int(float(words[0])))
    kind = classes.kind(index)
    kind = classes.kind(names.get(index, index)) if kind == OTHER else kind
    values = [float(word) for word in words[1:]]
    if len(values) in (4, 5):  # the fifth value is the confidence of a detection
        x, y, width, height = values[:4]
        return Box(kind, x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    if len(values) % 2 == 0:  # a polygon
        return Box.around(kind, zip(values[0::2], values[1::2], strict=True))
    return Box(IGNORE, 0, 0, 1, 1)
