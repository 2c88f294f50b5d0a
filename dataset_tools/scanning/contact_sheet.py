"""Draws parts of pictures side by side, each with its surroundings, its score, its recording and its picture's name."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common.cli.printable import printable
from dataset_tools.annotations import picture
from dataset_tools.annotations.record import Record
from dataset_tools.scanning.circles import COLOUR
from dataset_tools.scanning.frames import is_patch
from dataset_tools.sources.labels import Refused

COLUMNS, CELL, CAPTION, GAP = 10, 96, 56, 8  # pictures per row; pixels of a picture, of its text, and between pictures
LETTERS = 14  # per line of text
AROUND = 1.8  # half of the shown width, in radii of the circle

Entry = tuple[Record, np.ndarray, Sequence[float], float]


def save(path: Path, entries: Iterable[Entry], outline: Callable) -> None:
    """Draws the sheet.

    Args:
        entries: tuples in reading order, each with the picture, the network input uint8 [size, size, channels], the
            circle and the score. A circle is given as radius, x and y in pixels; a square as half its side,
            and the x and y of its centre.
        outline: ImageDraw method that draws the circle or the square.
    """
    entries = list(entries)
    rows, across, down = max(1, -(-len(entries) // COLUMNS)), CELL + GAP, CELL + CAPTION + GAP
    sheet = Image.new("RGB", (COLUMNS * across + GAP, rows * down + GAP), "white")
    pen = ImageDraw.Draw(sheet)
    pen.font = ImageFont.load_default(11)
    for number, (record, X, circle, score) in enumerate(entries):
        left, top = number % COLUMNS * across + GAP, number // COLUMNS * down + GAP
        sheet.paste(_cell(record, X, circle, outline), (left, top))
        name = printable(PurePosixPath(record.name).stem)[-2 * LETTERS :]
        lines = (f"{score:.3f}", printable(record.recording)[:LETTERS], name[:LETTERS], name[LETTERS:])
        pen.text((left, top + CELL + 2), "\n".join(lines), fill="black")
    if not entries:
        pen.text((16, 16), "none", fill="black")
    sheet.save(path)


def _cell(record: Record, X: np.ndarray, circle: Sequence[float], outline: Callable) -> Image.Image:
    """Draws a candidate with its surroundings; for a separate patch, the network's input."""
    try:
        image = None if record.patch else picture.read(record)
    except Refused:  # the file was deleted or changed after the scan
        image = None
    if image is None or is_patch(image):
        return Image.fromarray(X[..., 0]).resize((CELL, CELL), Image.Resampling.NEAREST)
    radius, x, y = circle
    half = max(radius * AROUND, 4)
    shown = image.crop(tuple(round(edge) for edge in (x - half, y - half, x + half, y + half)))
    shown = shown.resize((CELL, CELL), Image.Resampling.BILINEAR)
    inner = CELL / 2 * (1 - radius / half)
    outline(ImageDraw.Draw(shown), (inner, inner, CELL - inner, CELL - inner), outline=COLOUR)
    return shown
