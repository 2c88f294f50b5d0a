"""Writes the results of a scan to a folder (table, pictures, tasks), either completely or not at all."""

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from PIL import ImageDraw

from common.atomic_files import new_folder
from common.cli.printable import printable
from dataset_tools.annotations import picture, picture_names
from dataset_tools.building.working_folder import working_folder
from dataset_tools.scanning import contact_sheet, label_studio_tasks
from dataset_tools.scanning.circles import draw
from dataset_tools.scanning.scan import Found

COLUMNS = ("picture", "source", "recording", "camera", "frame", "score", "x", "y", "radius", "left", "top", "side")
SHEET_MAX = 60  # detections on the sheet


@contextmanager
def whole_folder(wanted: Path) -> Iterator[tuple[Path, Path]]:
    """Yields a hidden folder to write into, and the new folder that receives its content at the end.

    Raises:
        UserError: the folder cannot be created. If the block ends with any error, nothing is left behind.
    """
    place = new_folder(wanted)
    try:
        with working_folder(wanted.parent, f".{wanted.name[:40]}-") as hidden:  # also deletes folders of killed runs
            (folder := hidden / "folder").mkdir()
            yield folder, place
            folder.replace(place)
    except BaseException:
        place.rmdir()
        raise


def write_results(folder: Path, about: dict, balls: Iterable, total: int, drawn: int, tasks: bool) -> dict:
    """Writes detections as they are found, draws some pictures, and draws a contact sheet of the best detections.

    Args:
        about: entries of the JSON file. balls: per picture, the candidates and the result of `find_balls.balls_of`.
        total: maximum number of pictures. drawn: number of pictures to draw, spread evenly over all pictures.
        tasks: whether to write Label Studio tasks, too.

    Returns:
        `about` plus the numbers of pictures, patches, candidates and balls.
    """
    counts = about | {"pictures": 0, "patches": 0, "candidates": 0, "balls": 0}
    best, drawn = [], min(drawn, total)
    (folder / "pictures").mkdir()
    with ExitStack() as files:
        opened = files.enter_context((folder / "detections.csv").open("w", newline="", encoding="utf-8"))
        table = csv.DictWriter(opened, COLUMNS, lineterminator="\n")
        table.writeheader()
        listed = files.enter_context((folder / "detections.json").open("w", encoding="utf-8"))
        listed.write('{\n"detections": [')
        if tasks:
            add_task = files.enter_context(label_studio_tasks.task_folder(folder / "label_studio", about["model"]))
        for found, circles, scores, kept in balls:
            for row in _rows(found, circles, scores, kept):
                table.writerow({name: printable(value) for name, value in row.items()})
                listed.write((",\n" if counts["balls"] else "\n") + json.dumps(row))
                counts["balls"] += 1
            shown = zip(found.X[kept], circles, scores.tolist(), strict=True)
            best = sorted([*best, *((found.record, *one) for one in shown)], key=lambda entry: -entry[3])[:SHEET_MAX]
            counts["candidates"] += len(found.X)
            if found.size is None:
                counts["patches"] += len(found.X)
                continue
            counts["pictures"] += 1
            if counts["pictures"] * drawn // total > (counts["pictures"] - 1) * drawn // total:
                image, name = picture.read(found.record), label_studio_tasks.picture_name(found.record)
                draw(image, circles, scores).save(folder / "pictures" / f"{name}.jpg", quality=90)
                if tasks:
                    add_task(found.record, image, circles, scores)
        about = "".join(f",\n{json.dumps(name)}: {json.dumps(value)}" for name, value in counts.items())
        listed.write(f"\n]{about}\n}}\n")
    contact_sheet.save(folder / "sheet.png", best, ImageDraw.ImageDraw.ellipse)
    return counts


def _rows(found: Found, circles: np.ndarray, scores: np.ndarray, kept: np.ndarray) -> Iterator[dict]:
    record = found.record
    of_picture = (record.name, record.picture.name, record.recording, record.camera)
    for circle, score, index in zip(circles.tolist(), scores.tolist(), kept.tolist(), strict=True):
        left, top, right, _ = found.boxes[index].tolist()
        radius, x, y = (round(value, 2) for value in circle)
        numbers = (picture_names.number_of(record, index), float(f"{score:.7g}"), x, y, radius)
        yield dict(zip(COLUMNS, (*of_picture, *numbers, left, top, right - left), strict=True))
