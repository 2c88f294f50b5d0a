"""Label Studio's JSON export: tasks with annotations; results in percent of the picture, from its top left corner."""

import math
from collections.abc import Iterator
from pathlib import Path

from dataset_tools.annotations import json_stream
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import path_of
from dataset_tools.annotations.record import FRACTIONS, IGNORE, Box, Record
from dataset_tools.annotations.values import mapping, number, numbers, sequence, size
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped

SHAPES = ("rectanglelabels", "ellipselabels", "polygonlabels")
NO_PLACE = {"choices", "textarea", "rating", "taxonomy", "number", "relation"}  # result types without a position


def read(path: Path, classes: Classes) -> Iterator[Record | Skipped]:
    """The pictures of all annotated tasks.

    Raises:
        UserError: the file cannot be read.
    """
    for _, task in json_stream.elements(path):
        task = mapping(task)
        name = _name(task)
        done = [entry for entry in map(mapping, sequence(task.get("annotations"))) if not entry.get("was_cancelled")]
        if not name:
            yield Skipped(f"task {task.get('id')}", "task without a picture URL")
        elif not done:
            yield Skipped(name, "not annotated, or the annotation was cancelled")
        else:
            yield from _record(name, max(done, key=_age), classes)


def _name(task: dict) -> str:
    """The picture's path, from `data.image` or the first value of `data` that looks like a file name or URL."""
    data = mapping(task.get("data"))
    candidates = [data.get("image"), task.get("storage_filename"), *data.values()]
    texts = [path_of(value) for value in candidates if isinstance(value, str)]
    return next((text for text in texts if "." in text.rsplit("/", 1)[-1]), "")


def _age(entry: dict) -> tuple[str, ...]:
    return tuple(f"{entry.get(key) or '':>12}" for key in ("updated_at", "created_at", "id"))  # numbers by their size


def _record(name: str, entry: dict, classes: Classes) -> Iterator[Record | Skipped]:
    boxes, sizes, certified = [], [], True
    for result in map(mapping, sequence(entry.get("result"))):
        if result.get("type") in NO_PLACE:
            continue
        declared = size(result.get("original_width"), result.get("original_height"))
        sizes.append(declared)
        try:
            boxes.append(_box(result, declared or FRACTIONS, classes))
        except Refused as refused:
            certified = False
            yield Skipped(name, str(refused))
    declared = next((found for found in sizes if found), FRACTIONS)
    if any(found != declared for found in sizes) and sizes != [None] * len(sizes):
        yield Skipped(name, "boxes of pictures of different sizes in one task")
        return
    yield Record(name, tuple(boxes), certified, declared)


def _box(result: dict, declared: tuple[float, float], classes: Classes) -> Box:
    value = mapping(result.get("value"))
    shape = next((key for key in SHAPES if key in value), result.get("type"))
    if shape not in SHAPES:
        raise Refused(f"label of type {str(result.get('type'))[:30]}, which has no box")
    labels = sequence(value.get(shape))
    kind = classes.kind(labels[0]) if labels else IGNORE
    x_scale, y_scale = declared[0] / 100, declared[1] / 100
    if shape == "polygonlabels":
        points = [numbers(point, 2) for point in sequence(value.get("points"))]
        if len(points) < 3:
            raise Refused("polygon without three points")
        xs, ys = zip(*points, strict=True)
        return Box(kind, min(xs) * x_scale, min(ys) * y_scale, max(xs) * x_scale, max(ys) * y_scale)
    x, y = number(value.get("x")) * x_scale, number(value.get("y")) * y_scale
    if shape == "ellipselabels":
        half_x, half_y = number(value.get("radiusX")) * x_scale, number(value.get("radiusY")) * y_scale
    else:
        half_x, half_y = number(value.get("width")) * x_scale / 2, number(value.get("height")) * y_scale / 2
        angle = math.radians(number(value.get("rotation") or 0))  # clockwise, about the top left corner, in pixels
        x, y = (
            x + half_x * math.cos(angle) - half_y * math.sin(angle),
            y + half_x * math.sin(angle) + half_y * math.cos(angle),
        )
    return Box(kind, x - half_x, y - half_y, x + half_x, y + half_y)
