"""COCO: a JSON file with `images`, `annotations` (`bbox` [x, y, width, height] in pixels, top left), `categories`."""

from array import array
from collections.abc import Iterator
from pathlib import Path

from dataset_tools.annotations import json_stream
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import path_of
from dataset_tools.annotations.record import BALL, IGNORE, Box, Record
from dataset_tools.annotations.values import numbers, size
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped


class _Listing:
    """The file in compact form, 40 bytes per annotation; its parts may come in any order.

    images: name and size as `values.size` gives it. names: of the categories. kinds: index of each (category, crowd).
    boxes: of each image, in one row: index in `kinds` and `bbox` of each annotation, -1 and zeros if it is broken.
    """

    def __init__(self):
        self.images: dict[object, tuple] = {}
        self.names: dict[object, object] = {}
        self.kinds: dict[tuple[object, bool], int] = {}
        self.boxes: dict[object, array] = {}

    def add_annotation(self, value: dict) -> None:
        row = self.boxes.setdefault(_key(value.get("image_id")), array("d"))
        kind = _key(value.get("category_id")), value.get("iscrowd") in (1, True)
        try:
            row.extend((self.kinds.setdefault(kind, len(self.kinds)), *numbers(value.get("bbox"), 4)))
        except Refused:
            row.extend((-1, 0, 0, 0, 0))


def read(path: Path, classes: Classes) -> Iterator[Record | Skipped]:
    """The pictures that a COCO file lists.

    Raises:
        UserError: the file cannot be read, or no category means a ball.
    """
    listing = _Listing()
    for key, value in json_stream.elements(path):
        if key == "annotations" and isinstance(value, dict):
            listing.add_annotation(value)
        elif key == "images" and isinstance(value, dict):
            if _key(value.get("id")) in listing.images:
                yield Skipped(str(value.get("file_name")), "picture listed twice")
                continue
            listing.images[_key(value.get("id"))] = (
                value.get("file_name"),
                size(value.get("width"), value.get("height")),
            )
        elif key == "categories" and isinstance(value, dict):
            listing.names[_key(value.get("id"))] = value.get("name")
    classes.check(listing.names.values(), path)
    yield from _records(listing, classes)


def _records(listing: _Listing, classes: Classes) -> Iterator[Record | Skipped]:
    kinds = [
        IGNORE if crowd and kind == BALL else kind
        for category, crowd in listing.kinds
        for kind in [classes.kind(listing.names.get(category, "unknown"))]
    ]
    for key, (name, declared) in listing.images.items():
        row = listing.boxes.pop(key, None)
        if not isinstance(name, str) or not name:
            yield Skipped(f"image {key}", "no file name")
            continue
        if row is None and not classes.empty_certified:
            yield Skipped(name, "listed without any box: not certified to show no ball (--empty-is-negative)")
            continue
        found = [row[at : at + 5] for at in range(0, len(row or ()), 5)]
        boxes = tuple(Box(kinds[int(kind)], x, y, x + w, y + h) for kind, x, y, w, h in found if kind >= 0)
        if len(boxes) < len(found):
            yield Skipped(name, "box with a value that is not a number")
        yield Record(path_of(name), boxes, len(boxes) == len(found), declared)
    for key in listing.boxes:
        yield Skipped(f"image {key}", "annotations of an unlisted picture")


def _key(value: object) -> object:
    """A hashable form of an identifier, whatever its type."""
    return value if isinstance(value, int | str) else repr(value)
