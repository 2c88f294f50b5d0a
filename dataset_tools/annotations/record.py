"""The record that every reader yields: one picture with its annotations, independent of their format."""

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped
from dataset_tools.sources.zip_members import Member

FRACTIONS = (1, 1)  # value of `Record.size` if boxes are fractions of the picture
ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)  # errors from values of the wrong type


class Box(NamedTuple):
    """An object's box.

    The edges are measured from the picture's top left corner, in pixels or fractions (see `Record.size`). `kind` is one
    of BALL, ROBOT, ...; IGNORE marks a region with unknown content, from which no patch is cut.
    """

    kind: str
    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, kind: str, points: Iterable) -> "Box":
        """Returns the smallest box around the points (x, y)."""
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
        """The camera that recorded the message."""
        return "top" if self.message.endswith("Top") else "bottom"


class Record(NamedTuple):
    """One picture.

    name: the picture's path as the annotations give it, with `/` between folders.
    boxes: the boxes of all annotated objects, not only of balls.
    certified: whether every ball in the picture has a box, so that the rest of the picture shows no ball.
    size: width and height in pixels of the picture that the boxes refer to, or FRACTIONS; None means the picture's own
        size.
    picture: path of the picture's file or log; if None, the picture is found by `name`.
    camera: `top`, `bottom`, or empty if unknown.
    recording: name of the recording, such as a game; if empty, it is derived from the folder and the name.
    place: position in a log, rows of an HDF5 file, or member of a zip.
    patch: empty if patches are cut from the picture; `ball` or `no ball` if the picture is already a patch; `labelled`,
        `unlabelled` or `rows` if it consists of patches.
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
        """Whether the picture is in a log or an HDF5 file, in which case its name is not a file name."""
        return isinstance(self.place, Place)


Items = Iterator[Record | Skipped]


def annotated(record: Record, items: Iterable, box_of: Callable[[object], Box]) -> Items:
    """Yields the record with its boxes, and a `Skipped` for each annotation without a valid box.

    Args:
        record: the picture without boxes; `certified` becomes False if an annotation is skipped.
        items: the picture's annotations, as they are in the file.
        box_of: converts an annotation to a box; may raise Refused or any of ODD.
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
    """Returns width and height of a picture in pixels; None if they are missing or 0 (some programs write 0)."""
    try:
        found = float(width), float(height)
    except ODD:
        return None
    return found if min(found) > 0 and max(found) < math.inf else None
