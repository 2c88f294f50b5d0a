"""Reads Label Studio's JSON export. Coordinates are percentages of the picture's size, from its top left corner."""

import math
from functools import partial
from pathlib import Path

from dataset_tools.annotations import json_stream
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import path_of
from dataset_tools.annotations.kinds import IGNORE
from dataset_tools.annotations.record import FRACTIONS, ODD, Box, Items, Record, annotated, size_of
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped

SHAPES = ("rectanglelabels", "ellipselabels", "polygonlabels")
NO_PLACE = {"choices", "textarea", "rating", "taxonomy", "number", "relation"}  # result types without a position


def read(path: Path, classes: Classes) -> Items:
    """Yields the pictures of all annotated tasks."""
    for number, (_, task) in enumerate(json_stream.elements(path)):
        try:
            name = _name(task)
            done = [entry for entry in task.get("annotations", ()) if not entry.get("was_cancelled")]
            newest = max(done, key=_age)["result"] if done else ()
            results = [item for item in newest if item.get("type") not in NO_PLACE]
        except ODD:
            yield Skipped(f"task {number + 1}", "task without a picture URL, or with damaged annotations")
            continue
        if not done:
            yield Skipped(name, "not annotated, or the annotation was cancelled")
            continue
        sizes = (size_of(item.get("original_width"), item.get("original_height")) for item in results)
        declared = next(filter(None, sizes), FRACTIONS)
        yield from annotated(Record(name, (), True, declared), results, partial(_box, declared, classes))


def _name(task: dict) -> str:
    """Returns the picture's path, from `data.image` or the first value of `data` that looks like a file name or URL."""
    data = task["data"]
    candidates = [data.get("image"), task.get("storage_filename"), *data.values()]
    texts = [path_of(value) for value in candidates if isinstance(value, str)]
    named = [text for text in texts if "." in text.rsplit("/", 1)[-1]]
    return named[0]


def _age(entry: dict) -> tuple[str, ...]:
    return tuple(f"{entry.get(key) or '':>12}" for key in ("updated_at", "created_at", "id"))  # compares numbers


def _box(size: tuple[float, float], classes: Classes, result: dict) -> Box:
    value = result["value"]
    shape = next((key for key in SHAPES if key in value), None)
    if shape is None:
        raise Refused(f"label of type {str(result.get('type'))[:30]}, which has no box")
    kind = classes.kind(value[shape][0]) if value[shape] else IGNORE
    x_scale, y_scale = size[0] / 100, size[1] / 100
    if shape == "polygonlabels":
        return Box.around(kind, ((float(x) * x_scale, float(y) * y_scale) for x, y in value["points"]))
    x, y = float(value["x"]) * x_scale, float(value["y"]) * y_scale
    if shape == "ellipselabels":
        half_x, half_y = float(value["radiusX"]) * x_scale, float(value["radiusY"]) * y_scale
    else:
        half_x, half_y = float(value["width"]) * x_scale / 2, float(value["height"]) * y_scale / 2
        # Label Studio rotates a box clockwise about its top left corner, in pixels and not in percentages.
        angle = math.radians(value.get("rotation") or 0)
        x, y = (
            x + half_x * math.cos(angle) - half_y * math.sin(angle),
            y + half_x * math.sin(angle) + half_y * math.cos(angle),
        )
    return Box(kind, x - half_x, y - half_y, x + half_x, y + half_y)
