"""Writes the results of mining: the patches to label as a sheet, a table and Label Studio tasks, and a report."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from common.cli.printable import printable
from common.runs.evaluation import write_rows
from dataset_tools.annotations import picture, recognise
from dataset_tools.mining.ranking import Choice
from dataset_tools.scanning import label_studio_tasks
from dataset_tools.scanning.results import JsonList, cell, contact_sheet

SHEET_MAX = 200  # patches
AROUND = 1.8  # half width of the sheet's pictures, in half sides of a patch


def write_table(path: Path, choices: Sequence[Choice]) -> None:
    """Writes one row per patch, the most interesting first."""
    columns = {
        "rank": range(1, len(choices) + 1),
        "interest": np.array([choice.interest for choice in choices]),
        "picture": [printable(choice.record.name) for choice in choices],
        "source": [printable(choice.record.picture.name) for choice in choices],
        "recording": [printable(choice.record.recording) for choice in choices],
        "camera": [choice.record.camera for choice in choices],
        "frame": [recognise.number_of(choice.record, choice.index) for choice in choices],
    }
    for number, name in enumerate(("left", "top", "right", "bottom")):
        columns[name] = [choice.box[number] for choice in choices]
    for number in range(len(choices[0].scores) if choices else 0):
        columns[f"score_{number + 1}"] = np.array([choice.scores[number] for choice in choices])
    write_rows(path, columns)


def write_sheet(path: Path, choices: Sequence[Choice]) -> None:
    """Draws the first patches with their surroundings and the first model's score."""
    shown = choices[:SHEET_MAX]
    captions = [f"{choice.scores[0]:.3f}\n{printable(choice.record.recording)[:14]}" for choice in shown]
    cells = [(_cell(choice), caption) for choice, caption in zip(shown, captions, strict=True)]
    contact_sheet(cells).save(path)


def _cell(choice: Choice) -> Image.Image:
    left, top, right, bottom = choice.box
    half = (right - left) / 2
    circle = (half, left + half, (top + bottom) / 2)
    return cell(choice.record, choice.X, circle, AROUND, ImageDraw.ImageDraw.rectangle)


def write_tasks(folder: Path, choices: Sequence[Choice], model: str) -> int:
    """Writes Label Studio tasks for the patches' pictures, with the model's predictions; returns their number."""
    pictures: dict[tuple, list[Choice]] = {}
    for choice in choices:
        if choice.size is not None:
            key = (choice.record.picture, choice.record.name, choice.record.place)
            pictures.setdefault(key, []).append(choice)
    (folder / "pictures").mkdir(parents=True)
    (folder / "labels.xml").write_text(label_studio_tasks.CONFIG, encoding="utf-8")
    with JsonList(folder / "tasks.json", None, "") as tasks:
        for asked in pictures.values():
            record, (circles, scores) = asked[0].record, asked[0].balls
            image = picture.read(record)
            name = label_studio_tasks.save_picture(record, image, folder / "pictures")
            address = f"{label_studio_tasks.LOCAL_FILES}pictures/{name}"
            task = label_studio_tasks.task(address, image.size, circles, scores, model)
            task["data"]["look_at"] = "; ".join(
                f"x {(choice.box[0] + choice.box[2]) // 2} y {(choice.box[1] + choice.box[3]) // 2}: "
                f"{choice.scores[0]:.3f}"
                for choice in asked
            )
            tasks.add(task)
    return len(pictures)
