"""Writes the results of mining: the patches to label, as a sheet, a table and Label Studio tasks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import ImageDraw

from common.cli.printable import printable
from common.runs.evaluation import write_rows
from dataset_tools.annotations import picture, picture_names
from dataset_tools.mining.ranking import Choice
from dataset_tools.scanning import contact_sheet, label_studio_tasks
from dataset_tools.scanning.circles import in_the_middle

SHEET_MAX = 200  # patches


def write_choices(folder: Path, name: str, choices: Sequence[Choice]) -> None:
    """Writes one row per patch, the most interesting first, and draws the first SHEET_MAX patches."""
    records = [choice.record for choice in choices]
    columns = {
        "rank": range(1, len(choices) + 1),
        "interest": np.array([choice.interest for choice in choices]),
        "picture": [printable(record.name) for record in records],
        "source": [printable(record.picture.name) for record in records],
        "recording": [printable(record.recording) for record in records],
        "camera": [record.camera for record in records],
        "frame": [picture_names.number_of(choice.record, choice.index) for choice in choices],
    }
    for i, edge in enumerate(("left", "top", "right", "bottom")):
        columns[edge] = [choice.box[i] for choice in choices]
    scores = np.array([choice.scores for choice in choices])
    columns |= {f"score_{number + 1}": scores[:, number] for number in range(scores.shape[1] if choices else 0)}
    write_rows(folder / f"{name}.csv", columns)
    shown = ((choice.record, choice.X, _square(choice), choice.scores[0]) for choice in choices[:SHEET_MAX])
    contact_sheet.save(folder / f"{name}.png", shown, ImageDraw.ImageDraw.rectangle)


def _square(choice: Choice) -> np.ndarray:
    """Returns half the side length of a candidate's box, and the centre of the box."""
    return in_the_middle(np.array([choice.box]), 1)[0]


def write_tasks(folder: Path, choices: Sequence[Choice], model: str) -> int:
    """Writes Label Studio tasks for the patches' pictures, with the model's predictions; returns their number."""
    pictures: dict[tuple, list[Choice]] = {}
    for choice in choices:
        if choice.size is not None:
            key = (choice.record.picture, choice.record.name, choice.record.place)
            pictures.setdefault(key, []).append(choice)
    with label_studio_tasks.task_folder(folder, model) as add:
        for asked in pictures.values():
            places = ((*_square(choice)[1:].astype(int), choice.scores[0]) for choice in asked)
            look_at = "; ".join(f"x {x} y {y}: {score:.3f}" for x, y, score in places)
            add(asked[0].record, picture.read(asked[0].record), *asked[0].balls, look_at=look_at)
    return len(pictures)
