"""Writes the results of a scan, a folder with a table, pictures and tasks, completely or not at all."""

import csv
import heapq
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common.atomic_files import new_folder
from common.cli.printable import printable
from common.errors import UserError
from dataset_tools.annotations import picture, recognise
from dataset_tools.annotations.record import Record
from dataset_tools.scanning import circles as drawing
from dataset_tools.scanning import label_studio_tasks
from dataset_tools.scanning.frames import is_patch
from dataset_tools.scanning.scan import Found
from dataset_tools.sources.labels import Refused

COLUMNS = ("picture", "source", "recording", "camera", "frame", "score", "x", "y", "radius", "left", "top", "side")
SHEET_MAX, SHEET_COLUMNS, CELL, CAPTION = 60, 10, 96, 30  # detections; in a row; pixels of a patch and of its text
AROUND = 1.8  # half width of the sheet's pictures, in radii of the circle


@contextmanager
def whole_folder(wanted: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yields a hidden folder to write into, and a list that receives its final path at the end.

    Raises:
        UserError: it cannot be made. If the block ends with any error, nothing is left behind.
    """
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        hidden = TemporaryDirectory(prefix=f".{wanted.name[:40]}-", dir=wanted.parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise UserError(f"{wanted} cannot be made: {error.strerror or error}. Choose another --output-dir.") from None
    with hidden as name:
        inner, place = Path(name) / "folder", []
        inner.mkdir()
        yield inner, place
        place.append(new_folder(wanted))
        inner.replace(place[0])  # replaces the empty folder that reserved the name


class Results:
    """Writes detections one by one, and keeps the best for the contact sheet."""

    def __init__(self, folder: Path, about: dict, total: int, drawn: int, label_studio: bool):
        self.folder, self.about, self.label_studio = folder, about, label_studio
        self.total, self.drawn = total, drawn
        self.pictures = self.patches = self.candidates = self.balls = 0
        self._best: list[tuple[float, int, Record, np.ndarray, np.ndarray]] = []
        self._order = count()
        self._seen = 0

    def __enter__(self):
        self._files = ExitStack()
        table = self._files.enter_context((self.folder / "detections.csv").open("w", newline="", encoding="utf-8"))
        self._table = csv.writer(table, lineterminator="\n")
        self._table.writerow(COLUMNS)
        self._json = self._files.enter_context(JsonList(self.folder / "detections.json", self.about, "detections"))
        (self.folder / "pictures").mkdir()
        self._tasks = None
        if self.label_studio:
            (self.folder / "label_studio" / "pictures").mkdir(parents=True)
            (self.folder / "label_studio" / "labels.xml").write_text(label_studio_tasks.CONFIG, encoding="utf-8")
            self._tasks = self._files.enter_context(JsonList(self.folder / "label_studio" / "tasks.json", None, ""))
        return self

    def __exit__(self, kind, *_):
        counts = {"pictures": self.pictures, "patches": self.patches, "candidates": self.candidates}
        self._json.counts = counts | {"balls": self.balls}
        self._files.close()
        if kind is None:
            self._sheet()

    def add(self, found: Found, circles: np.ndarray, scores: np.ndarray, kept: np.ndarray) -> None:
        """The balls of one picture.

        Args:
            found: its candidates.
            circles: float [k, 3], radius, x and y in pixels. scores: [k]. kept: index of the candidate of each, [k].
        """
        record = found.record
        self.patches += len(found.X) if found.size is None else 0
        self.pictures += found.size is not None
        self.candidates += len(found.X)
        self.balls += len(kept)
        for circle, score, index in zip(circles.tolist(), scores.tolist(), kept.tolist(), strict=True):
            number = recognise.number_of(record, index)
            self._write(record, number, score, circle, found.boxes[index].tolist())
        for place in np.argsort(-scores)[:SHEET_MAX].tolist():
            entry = (float(scores[place]), next(self._order), record, circles[place], found.X[kept[place]])
            (heapq.heappush if len(self._best) < SHEET_MAX else heapq.heappushpop)(self._best, entry)
        if found.size is not None and self._is_drawn():
            self._picture(record, circles, scores)

    def summary(self, seconds: float) -> str:
        """One line with the number of balls and the speed."""
        counts = ((self.pictures, "pictures"), (self.patches, "patches"))
        seen = " and ".join(f"{number} {what}" for number, what in counts if number) or "nothing readable"
        number, what = counts[0] if self.pictures else counts[1]
        rate = f"{number / seconds:.1f} {what} per second"
        return f"{self.balls} balls in {seen}; {self.candidates} candidates, {rate}"

    def _write(self, record: Record, number: int, score: float, circle: list[float], box: list[int]) -> None:
        radius, x, y = (round(value, 2) for value in circle)
        source, name = record.picture.name, record.name
        values = (name, source, record.recording, record.camera, number, float(f"{score:.7g}"), x, y, radius)
        row = dict(zip(COLUMNS, (*values, box[0], box[1], box[2] - box[0]), strict=True))
        self._table.writerow([printable(value) if isinstance(value, str) else value for value in row.values()])
        self._json.add(row)

    def _is_drawn(self) -> bool:
        """Whether to draw this picture: all are drawn, or some evenly spread over all."""
        self._seen += 1
        most = min(self.drawn, self.total)
        return math.floor(self._seen * most / self.total) > math.floor((self._seen - 1) * most / self.total)

    def _picture(self, record: Record, circles: np.ndarray, scores: np.ndarray) -> None:
        image = picture.read(record)
        name = label_studio_tasks.picture_name(record)
        drawing.draw(image, circles, scores).save(self.folder / "pictures" / f"{name}.jpg", quality=90)
        if self._tasks:
            name = label_studio_tasks.save_picture(record, image, self.folder / "label_studio" / "pictures")
            address = f"{label_studio_tasks.LOCAL_FILES}pictures/{name}"
            self._tasks.add(label_studio_tasks.task(address, image.size, circles, scores, self.about["model"]))

    def _sheet(self) -> None:
        best = sorted(self._best, key=lambda entry: (-entry[0], entry[1]))
        ellipse, cells = ImageDraw.ImageDraw.ellipse, []
        for score, _, record, circle, X in best:
            shown = cell(record, X, circle, AROUND, ellipse)
            cells.append((shown, f"{score:.3f}\n{printable(record.recording)[:14]}"))
        contact_sheet(cells).save(self.folder / "sheet.png")


def cell(record: Record, X: np.ndarray, circle: Sequence[float], around: float, draw: Callable) -> Image.Image:
    """A place in a picture with its surroundings, for a sheet; for a patch, the network's input.

    Args:
        record: of the picture.
        X: uint8 [size, size, channels].
        circle: radius, x and y in pixels; for a square, the radius is half of its side.
        around: number of radii to show on each side.
        draw: ImageDraw method that outlines the place.
    """
    try:
        image = None if record.patch else picture.read(record)
    except Refused:  # it existed a moment ago
        image = None
    if image is None or is_patch(image):
        return Image.fromarray(X[..., 0]).resize((CELL, CELL), Image.Resampling.NEAREST)
    radius, x, y = circle
    half = max(radius * around, 4)
    shown = image.crop(tuple(round(edge) for edge in (x - half, y - half, x + half, y + half)))
    shown = shown.resize((CELL, CELL), Image.Resampling.BILINEAR)
    inner = CELL / 2 * (1 - radius / half)
    draw(ImageDraw.Draw(shown), (inner, inner, CELL - inner, CELL - inner), outline=drawing.COLOUR)
    return shown


def contact_sheet(cells: list[tuple[Image.Image, str]]) -> Image.Image:
    """Pictures of CELL pixels with captions, in reading order."""
    rows = max(1, -(-len(cells) // SHEET_COLUMNS))
    step = (CELL + 8, CELL + CAPTION + 8)
    sheet = Image.new("RGB", (SHEET_COLUMNS * step[0] + 8, rows * step[1] + 8), "white")
    pen = ImageDraw.Draw(sheet)
    pen.font = ImageFont.load_default(11)
    for number, (image, caption) in enumerate(cells):
        left, top = number % SHEET_COLUMNS * step[0] + 8, number // SHEET_COLUMNS * step[1] + 8
        sheet.paste(image, (left, top))
        pen.text((left, top + CELL + 2), caption, fill="black")
    if not cells:
        pen.text((16, 16), "none", fill="black")
    return sheet


class JsonList:
    """Writes a JSON file with a long list item by item: alone, or as `key` of an object that begins with `about`.

    `counts` are written after the list.
    """

    def __init__(self, path: Path, about: dict | None, key: str):
        self._path, self._about, self._key = path, about, key
        self.counts: dict[str, int] = {}

    def __enter__(self):
        self._file, self._between = self._path.open("w", encoding="utf-8"), "\n"
        head = "".join(f"{json.dumps(name)}: {json.dumps(value)},\n" for name, value in (self._about or {}).items())
        self._file.write("[" if self._about is None else f"{{\n{head}{json.dumps(self._key)}: [")
        return self

    def __exit__(self, *_):
        tail = "".join(f",\n{json.dumps(name)}: {json.dumps(value)}" for name, value in self.counts.items())
        self._file.write("\n]\n" if self._about is None else f"\n]{tail}\n}}\n")
        self._file.close()

    def add(self, value: dict) -> None:
        """Appends to the list."""
        self._file.write(self._between + json.dumps(value))
        self._between = ",\n"
