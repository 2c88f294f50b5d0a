"""The records that every reader yields: one picture with its annotations, independent of their format."""

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped
from dataset_tools.sources.zip_members import Member

FRACTIONS = (1, 1)  # value of `Record.size` if boxes are fractions of the picture
ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)  # reading values of the wrong type


class Box(NamedTuple):
    """An object's box; edges in pixels or fractions (see `Record.size`) from the picture's top left corner.

    `kind` is one of BALL, ROBOT, ...; IGNORE marks a region with unknown content: no patch is cut from it.
    """

    kind: str
    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, kind: str, points: Iterable) -> "Box":
        """The smallest box around some points (x, y)."""
        xs, ys = zip(*((float(x), float(y)) for x, y in points), strict=True)
        return cls(kind, min(xs), min(ys), max(xs), max(ys))


class Place(NamedTuple):
    """Position of a picture in a log: offset and size in bytes, its message (such as `ImageTop`) and its frame."""

    offset: int
    size: int
    message: str
    frame: int

    @property
    def camera(self) -> str:
        """The camera of a log's message."""
        return "top" if self.message.endswith("Top") else "bottom"


class Record(NamedTuple):
    """One picture.

    name: the picture's path as the annotations give it, with `/` between folders.
    boxes: of all annotated objects, balls and others.
    certified: whether every ball in the picture has a box, so that the rest of it certainly shows none.
    size: width and height in pixels that the boxes refer to; or FRACTIONS; None: pixels of the picture itself.
    picture: the file, or the log; None: found by its name.
    camera: `top`, `bottom`, or empty if the format does not say.
    recording: pictures taken together, such as a game; empty: determined by folder and name.
    place: position in a log, rows of an HDF5 file, or member of a zip.
    patch: empty for a picture to cut patches from. If it already is a patch: `ball` or `no ball`; if it consists of
        patches: `labelled` or `unlabelled`.
    """

    name: str
    boxes: tuple[Box, ...]
    certified: bool
    size: tuple[float, float] | None = None
    picture: Path | None = None
    camera: str = ""
    recording: str = ""
    place: Place | Member | None = None
    patch: str = ""

    @property
    def in_log(self) -> bool:
        """Whether the picture is in a log or an HDF5 file, so that its name is not a file name."""
        return isinstance(self.place, Place)


Items = Iterator[Record | Skipped]


def annotated(record: Record, items: Iterable, box_of: Callable[[object], Box]) -> Items:
    """Yields the record with the boxes of its annotations. One that is not a box is skipped, but it may be a ball.

    Args:
        record: the picture without boxes; `certified` becomes False if an annotation is skipped.
        items: its annotations, as the format has them.
        box_of: the box of one of them; it may raise Refused, or any of ODD.
    """
    boxes, certified = [], record.certified
    for item in items:
        try:
            box = box_of(item)
            if not all(map(math.isfinite, box[1:])):
                raise ValueError
            boxes.append(box)
        except (Refused, *ODD) as error:
            certified = False
            reason = str(error) if isinstance(error, Refused) else "box with a value that is missing or not a number"
            yield Skipped(record.name, reason)
    yield record._replace(boxes=tuple(boxes), certified=certified)


def size_of(width: object, height: object) -> tuple[float, float] | None:
    """Width and height of a picture in pixels; None if they are missing or 0, as some programs write them."""
    try:
        found = float(width), float(height)
    except ODD:
        return None
    return found if min(found) > 0 and max(found) < math.inf else None
