"""Reads COCO: a JSON file with `images`, `annotations` (`bbox` [left, top, width, height], pixels) and `categories`."""

from array import array
from math import nan
from pathlib import Path

from common.errors import UserError
from dataset_tools.annotations import json_stream
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import path_of
from dataset_tools.annotations.kinds import BALL, IGNORE
from dataset_tools.annotations.record import ODD, Box, Items, Record, annotated, size_of
from dataset_tools.sources.patch_sources import Skipped


def read(path: Path, classes: Classes) -> Items:
    """Yields the pictures of a COCO file.

    The parts of the file may be in any order. Each annotation takes 40 bytes of memory.
    """
    images: dict[str, tuple] = {}  # name and size of each picture, by identifier
    names: dict[str, object] = {}  # names of the categories, by identifier
    kinds: dict[tuple[str, bool], int] = {}  # an index for each pair (category, iscrowd)
    rows: dict[str, array] = {}  # per picture: for each annotation, its index from `kinds` and its box
    for key, value in json_stream.elements(path):
        if not isinstance(value, dict):
            continue
        name = str(value.get("id"))
        if key == "annotations":
            kind = str(value.get("category_id")), value.get("iscrowd") in (1, True)
            row = rows.setdefault(str(value.get("image_id")), array("d"))
            row.extend((kinds.setdefault(kind, len(kinds)), *_edges(value.get("bbox"))))
        elif key == "images" and name in images:
            yield Skipped(str(value.get("file_name")), "picture listed twice")
        elif key == "images":
            images[name] = value.get("file_name"), size_of(value.get("width"), value.get("height"))
        elif key == "categories":
            names[name] = value.get("name")
    if not names:
        raise UserError(f"{path}: its list of classes, `categories`, is empty or missing. Export it with its classes.")
    if not images:
        yield Skipped(path.name, "its list of pictures, `images`, is empty or missing")
    if not rows and not classes.empty_certified:
        yield Skipped(path.name, "its list of boxes, `annotations`, is empty or missing")
    classes.check(names.values(), path)
    of_number = [classes.kind(names.get(category, "unknown")) for category, _ in kinds]
    of_number = [IGNORE if crowd and kind == BALL else kind for kind, (_, crowd) in zip(of_number, kinds, strict=True)]
    for key, (name, declared) in images.items():
        row = rows.pop(key, None)
        if not isinstance(name, str) or not name:
            yield Skipped(f"image {key}", "no file name")
        elif row is None and not classes.empty_certified:
            yield Skipped(name, "listed without any box, so it may show a ball (see --empty-is-negative)")
        else:
            boxes = (row[at : at + 5] for at in range(0, len(row or ()), 5))
            record = Record(path_of(name), (), True, declared)
            yield from annotated(record, boxes, lambda row: Box(of_number[int(row[0])], *row[1:]))
    for key in rows:
        yield Skipped(f"image {key}", "annotations of an unlisted picture")


def _edges(box: object) -> tuple[float, float, float, float]:
    """Returns left, top, right and bottom of a box; NaN if the box is invalid."""
    try:
        x, y, width, height = map(float, box)
    except ODD:
        return nan, nan, nan, nan
    return x, y, x + width, y + height
