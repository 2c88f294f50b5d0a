"""TORSO-21: one YAML file, `images[NAME]` with annotations whose `vector` is two corners in pixels."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from dataset_tools.annotations import yaml_stream
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import path_of
from dataset_tools.annotations.record import BALL, Box, Record
from dataset_tools.annotations.values import mapping, numbers, sequence, size
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped


def read(path: Path, classes: Classes) -> Iterator[Record | Skipped]:
    """The pictures of a TORSO-21 file; a picture is certified if it has an annotation about a ball, present or absent.

    Raises:
        UserError: the file cannot be read.
    """
    for name, value in yaml_stream.entries(path, streamed="images"):
        entry = mapping(value)
        if "annotations" not in entry:
            continue
        boxes, asked, certified = [], False, True
        for annotation in map(mapping, sequence(entry["annotations"])):
            kind = classes.kind(annotation.get("type", "unknown"))
            asked |= kind == BALL
            if str(annotation.get("in_image", "true")).casefold() == "false":
                continue
            try:
                boxes.append(_box(kind, annotation.get("vector")))
            except Refused as refused:
                if kind == BALL:  # other kinds may be points or lines
                    certified = False
                    yield Skipped(name, str(refused))
        if not asked:
            yield Skipped(name, "no annotation about a ball, so it may show one")
        recording, dash, _ = PurePosixPath(name).name.partition("-")
        declared = size(entry.get("width"), entry.get("height"))
        yield Record(path_of(name), tuple(boxes), certified and asked, declared, recording=recording if dash else "")


def _box(kind: str, vector: object) -> Box:
    points = [numbers(point, 2) for point in sequence(vector)]
    if len(points) < 2:
        raise Refused("box without two corners")
    xs, ys = zip(*points, strict=True)  # two corners; goalposts and obstacles may have four
    return Box(kind, min(xs), min(ys), max(xs), max(ys))
