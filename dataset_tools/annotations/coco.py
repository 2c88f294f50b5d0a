"""COCO: a JSON file with `images`, `annotations` (`bbox` [x, y, width, height] in pixels, top left), `categories`."""

from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dataset_tools.annotations import json_stream
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import path_of
from dataset_tools.annotations.record import BALL, IGNORE, KINDS, Box, Record
from dataset_tools.annotations.values import numbers, size
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped


class _Listing:
    """The file in compact form, 50 bytes per annotation; its parts may come in any order."""

    def __init__(self):
        self.images: dict[object, tuple] = {}  # name, and size as `values.size` gives it
        self.names: dict[object, object] = {}
        self.places: dict[object, int] = {}  # index of each image that has annotations, in order of appearance
        self.categories: dict[object, int] = {}
        self.image, self.category, self.crowd = array("l"), array("l"), array("b")
        self.boxes = array("d")
        self.broken: set[int] = set()

    def add_annotation(self, value: dict) -> None:
        image = self.places.setdefault(_key(value.get("image_id")), len(self.places))
        try:
            box = numbers(value.get("bbox"), 4)
        except Refused:
            self.broken.add(image)
            return
        self.image.append(image)
        self.category.append(self.categories.setdefault(_key(value.get("category_id")), len(self.categories)))
        self.crowd.append(value.get("iscrowd") in (1, True))
        self.boxes.extend(box)


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
    kinds = np.array([KINDS.index(classes.kind(listing.names.get(key, "unknown"))) for key in listing.categories], int)
    kind = kinds[np.frombuffer(listing.category, "l")] if listing.category else np.empty(0, int)
    kind[np.frombuffer(listing.crowd, "b").astype(bool) & (kind == KINDS.index(BALL))] = KINDS.index(IGNORE)
    image = np.frombuffer(listing.image, "l") if listing.image else np.empty(0, int)
    order = np.argsort(image, kind="stable")
    starts = np.searchsorted(image[order], np.arange(len(listing.places) + 1))
    boxes = np.frombuffer(listing.boxes).reshape(-1, 4)
    for key, (name, declared) in listing.images.items():
        place = listing.places.pop(key, None)
        if not isinstance(name, str) or not name:
            yield Skipped(f"image {key}", "no file name")
            continue
        mine = order[starts[place] : starts[place + 1]] if place is not None else order[:0]
        found = tuple(
            Box(KINDS[kind[row]], x, y, x + width, y + height)
            for row, (x, y, width, height) in zip(mine, boxes[mine].tolist(), strict=True)
        )
        if place in listing.broken:
            yield Skipped(name, "box with a value that is not a number")
        if place is None and not classes.empty_certified:
            yield Skipped(name, "listed without any box: not certified to show no ball (--empty-is-negative)")
            continue
        yield Record(path_of(name), found, place not in listing.broken, declared)
    for key in listing.places:
        yield Skipped(f"image {key}", "annotations of an unlisted picture")


def _key(value: object) -> object:
    """A hashable form of an identifier, whatever its type."""
    return value if isinstance(value, int | str) else repr(value)
