"""What every reader yields: one picture with what is known about it, whatever format that was written in."""

from pathlib import Path
from typing import NamedTuple

BALL, ROBOT, PENALTY, OTHER, IGNORE = KINDS = ("ball", "robot", "penalty mark", "other", "ignore")
PATCHES = ("ball", "no ball", "labelled", "unlabelled")
FRACTIONS = (1, 1)  # as a record's size: boxes are fractions of the picture


class Box(NamedTuple):
    """An object's box; edges in pixels or fractions (see `Record.size`) from the picture's top left corner.

    `kind` is one of KINDS. IGNORE marks a place where nobody knows what is there: no patch is cut from it.
    """

    kind: str
    left: float
    top: float
    right: float
    bottom: float


class Place(NamedTuple):
    """Where a picture lies in a log: offset and number of its bytes, its message (such as `ImageTop`) and its frame."""

    offset: int
    size: int
    message: str
    frame: int


class Record(NamedTuple):
    """One picture.

    name: its path as the annotations give it, `/` between folders.
    boxes: of all annotated objects, balls and others.
    certified: whether every ball in the picture has a box, so that the rest of it certainly shows none.
    size: width and height in pixels that the boxes refer to; FRACTIONS; None: pixels of the picture as it is.
    picture: the file, or the log; None: to be found by its name.
    camera: `top`, `bottom`, or empty where the format does not say.
    recording: pictures taken together, a game; empty: by folder and name.
    place: in a log, or rows of an HDF5 file.
    patch: empty: a picture to cut patches from; else one of PATCHES, and it is, or holds, patches as they are.
    """

    name: str
    boxes: tuple[Box, ...]
    certified: bool
    size: tuple[float, float] | None = None
    picture: Path | None = None
    camera: str = ""
    recording: str = ""
    place: Place | None = None
    patch: str = ""
