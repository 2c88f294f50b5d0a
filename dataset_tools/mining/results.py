"""Writes the results of mining: the patches to label as a sheet, a table and Label Studio tasks, and a report."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import ImageDraw

from common.cli.printable import printable
from common.runs.evaluation import write_rows
from dataset_tools.annotations import picture, picture_names
from dataset_tools.mining.ranking import Choice
from dataset_tools.scanning import contact_sheet, label_studio_tasks

SHEET_MAX = 200  # patches


def write_table(path: Path, choices: Sequence[Choice]) -> None:
    """Writes one row per patch, the most interesting first."""
    columns = {
        "rank": range(1, len(choices) + 1),
        "interest": np.array([choice.interest for choice in choices]),
        "picture": [printable(choice.record.name) for choice in choices],
        "source": [printable(choice.record.picture.name) for choice in choices],
        "recording": [printable(choice.record.recording) for choice in choices],
        "camera": [choice.record.camera for choice in choices],
        "frame": [picture_names.number_of(choice.record, choice.index) for choice in choices],
    }
    for number, name in enumerate(("left", "top", "right", "bottom")):
        columns[name] = [choice.box[number] for choice in choices]
    for number in range(len(choices[0].scores) if choices else 0):
        columns[f"score_{number + 1}"] = np.array([choice.scores[number] for choice in choices])
    write_rows(path, columns)


def write_sheet(path: Path, choices: Sequence[Choice]) -> None:
    """Draws the first patches with their surroundings and the first model's score."""
    shown = choices[:SHEET_MAX]
    entries = ((choice.record, choice.X, _circle(choice.box), choice.scores[0]) for choice in shown)
    contact_sheet.save(path, entries, ImageDraw.ImageDraw.rectangle)


def _circle(box: tuple[int, ...]) -> tuple[float, float, float]:
    left, top, right, bottom = box
    half = (right - left) / 2
    return half, left + half, (top + bottom) / 2


def write_tasks(folder: Path, choices: Sequence[Choice], model: str) -> int:
    """Writes Label Studio tasks for the patches' pictures, with the model's predictions; returns their number."""
    pictures: dict[tuple, list[Choice]] = {}
    for choice in choices:
        if choice.size is not None:
            key = (choice.record.picture, choice.record.name, choice.record.place)
            pictures.setdefault(key, []).append(choice)
    with label_studio_tasks.task_folder(folder, model) as add:
        for asked in pictures.values():
            record, balls = asked[0].record, asked[0].balls
            middles = ((_circle(choice.box), choice.scores[0]) for choice in asked)
            places = (f"x {int(x)} y {int(y)}: {score:.3f}" for (_, x, y), score in middles)
            add(record, picture.read(record), *balls, look_at="; ".join(places))
    return len(pictures)
