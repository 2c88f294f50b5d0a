"""Writes the results of a scan, a folder with a table, pictures and tasks, completely or not at all."""

import csv
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from PIL import ImageDraw

from common.atomic_files import new_folder
from common.cli.printable import printable
from common.errors import UserError
from dataset_tools.annotations import picture, picture_names
from dataset_tools.annotations.record import Record
from dataset_tools.building.working_folder import working_folder
from dataset_tools.scanning import circles as drawing
from dataset_tools.scanning import contact_sheet, label_studio_tasks
from dataset_tools.scanning.json_list import json_list
from dataset_tools.scanning.scan import Found

COLUMNS = ("picture", "source", "recording", "camera", "frame", "score", "x", "y", "radius", "left", "top", "side")
SHEET_MAX = 60  # detections on the sheet


@contextmanager
def whole_folder(wanted: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yields a hidden folder to write into, and a list that receives its final path at the end.

    Raises:
        UserError: it cannot be made. If the block ends with any error, nothing is left behind.
    """
    with ExitStack() as stack:
        try:
            hidden = stack.enter_context(working_folder(wanted.parent, f".{wanted.name[:40]}-"))
        except OSError as error:
            told = error.strerror or error
            raise UserError(f"{wanted} cannot be made: {told}. Choose another --output-dir.") from None
        inner, place = hidden / "folder", []
        inner.mkdir()
        yield inner, place
        place.append(new_folder(wanted))
        inner.replace(place[0])  # replaces the empty folder that reserved the name


class Results:
    """Writes detections one by one, and keeps the best for the contact sheet."""

    def __init__(self, folder: Path, about: dict, total: int, drawn: int, label_studio: bool):
        self.folder, self.about, self.label_studio = folder, about, label_studio
        self.total, self.drawn = total, drawn
        self.counts = {"pictures": 0, "patches": 0, "candidates": 0, "balls": 0}
        self._best: list[contact_sheet.Entry] = []
        self._seen = 0

    def __enter__(self):
        self._files = ExitStack()
        table = self._files.enter_context((self.folder / "detections.csv").open("w", newline="", encoding="utf-8"))
        self._table = csv.writer(table, lineterminator="\n")
        self._table.writerow(COLUMNS)
        path = self.folder / "detections.json"
        self._add_json = self._files.enter_context(json_list(path, "detections", self.about, self.counts))
        (self.folder / "pictures").mkdir()
        if self.label_studio:
            tasks = label_studio_tasks.task_folder(self.folder / "label_studio", self.about["model"])
            self._add_task = self._files.enter_context(tasks)
        return self

    def __exit__(self, *error):
        self._files.__exit__(*error)
        if error[0] is None:
            contact_sheet.save(self.folder / "sheet.png", self._best, ImageDraw.ImageDraw.ellipse)

    def add(self, found: Found, circles: np.ndarray, scores: np.ndarray, kept: np.ndarray) -> None:
        """The balls of one picture.

        Args:
            found: its candidates.
            circles: float [k, 3], radius, x and y in pixels. scores: [k]. kept: index of the candidate of each, [k].
        """
        record = found.record
        self.counts["pictures"] += found.size is not None
        self.counts["patches"] += len(found.X) if found.size is None else 0
        self.counts["candidates"] += len(found.X)
        self.counts["balls"] += len(kept)
        for circle, score, index in zip(circles.tolist(), scores.tolist(), kept.tolist(), strict=True):
            number = picture_names.number_of(record, index)
            self._write(record, number, score, circle, found.boxes[index].tolist())
        entries = ((record, found.X[index], *rest) for index, *rest in zip(kept, circles, scores.tolist(), strict=True))
        self._best = sorted([*self._best, *entries], key=lambda entry: -entry[3])[:SHEET_MAX]
        if found.size is not None and self._is_drawn():
            self._picture(record, circles, scores)

    def summary(self, seconds: float) -> str:
        """One line with the number of balls and the speed."""
        counts = self.counts
        seen = " and ".join(f"{counts[what]} {what}" for what in ("pictures", "patches") if counts[what])
        what = "pictures" if counts["pictures"] else "patches"
        rate = f"{counts[what] / seconds:.1f} {what} per second"
        return f"{counts['balls']} balls in {seen or 'nothing readable'}; {counts['candidates']} candidates, {rate}"

    def _write(self, record: Record, number: int, score: float, circle: list[float], box: list[int]) -> None:
        radius, x, y = (round(value, 2) for value in circle)
        source, name = record.picture.name, record.name
        values = (name, source, record.recording, record.camera, number, float(f"{score:.7g}"), x, y, radius)
        row = dict(zip(COLUMNS, (*values, box[0], box[1], box[2] - box[0]), strict=True))
        self._table.writerow([printable(value) if isinstance(value, str) else value for value in row.values()])
        self._add_json(row)

    def _is_drawn(self) -> bool:
        """Whether to draw this picture: all are drawn, or some evenly spread over all."""
        self._seen += 1
        most = min(self.drawn, self.total)
        return math.floor(self._seen * most / self.total) > math.floor((self._seen - 1) * most / self.total)

    def _picture(self, record: Record, circles: np.ndarray, scores: np.ndarray) -> None:
        image = picture.read(record)
        name = label_studio_tasks.picture_name(record)
        drawing.draw(image, circles, scores).save(self.folder / "pictures" / f"{name}.jpg", quality=90)
        if self.label_studio:
            self._add_task(record, image, circles, scores)
