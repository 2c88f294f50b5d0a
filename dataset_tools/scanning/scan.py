"""Reads pictures in several processes, and scores their candidates in batches."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from PIL import Image

from common.cli.progress import progress_bar
from common.errors import UserError
from dataset_tools.annotations import naoth_log, picture
from dataset_tools.annotations.record import Record
from dataset_tools.building.workers import workers
from dataset_tools.scanning import candidates, network_input
from dataset_tools.scanning.frames import is_patch, read_rows
from dataset_tools.scanning.network_input import Plan
from dataset_tools.sources.labels import KEYS, Refused
from dataset_tools.sources.patch_sources import Skipped

PICTURES = 4  # pictures per task
BATCH = 4096  # patches scored at a time


class Found(NamedTuple):
    """The candidates of a picture, or the patches of a file.

    boxes: int64 [n, 4], left, top, right, bottom in its picture, pixels. X: uint8 [n, size, size, channels].
    size: width and height of the picture, None for patches.
    """

    record: Record
    boxes: np.ndarray
    X: np.ndarray
    size: tuple[int, int] | None


def scan(
    items: Iterable[Record | Skipped], total: int, plan: Plan, judge: Callable, jobs: int, skip: Callable
) -> Iterator[tuple[Found, np.ndarray]]:
    """Scores the candidates of all frames, in their order; yields them with the model's outputs [n, outputs].

    Args:
        items: the frames. total: their number, for the progress bar.
        plan: how candidates are found. judge: X uint8 [n, size, size, channels] -> float32 [n, outputs].
        jobs: number of processes for reading. skip: called for everything that was left out.
    """
    waiting: list[Found] = []

    def scored() -> Iterator[tuple[Found, np.ndarray]]:
        X = np.concatenate([found.X for found in waiting])
        answers = judge(X) if len(X) else np.empty((0, 1), np.float32)
        ends = np.cumsum([len(found.X) for found in waiting])[:-1]
        yield from zip(waiting, np.split(answers, ends), strict=True)
        waiting.clear()

    with workers(jobs) as spread, progress_bar(total=total, desc="scanning", unit=" pictures") as bar:
        items = iter(items)
        tasks = iter(lambda: list(islice(items, PICTURES)), [])
        for part in spread(of_frames, ((task, plan) for task in tasks)):
            for item in part:
                bar.update()
                if isinstance(item, Skipped):
                    skip(item)
                else:
                    waiting.append(item)
            if sum(len(found.X) for found in waiting) >= BATCH:
                yield from scored()
        if waiting:
            yield from scored()


def of_frames(items: list[Record | Skipped], plan: Plan) -> list[Found | Skipped]:
    """The candidates of some pictures, or the reason why one cannot be read; runs in any process."""
    result: list[Found | Skipped] = []
    for item in items:
        try:
            result.append(item if isinstance(item, Skipped) else _of_frame(item, plan))
        except Refused as refused:
            result.append(Skipped(item.name, str(refused)))
    return result


def _of_frame(record: Record, plan: Plan) -> Found:
    if record.patch:
        return _rows(record, plan) if record.patch == "rows" else _of_robot(record, plan)
    image = picture.read(record)
    pixels = network_input.rgbx(image)
    if is_patch(image):
        ready = "subsampled" in image.info or KEYS.isdisjoint(image.info)
        box = np.array([[0, 0, image.width, image.height]])
        return Found(record, box, network_input.whole(pixels, plan, ready), None)
    squares = candidates.find(np.asarray(image.convert("L")), plan.radius, plan.scale, plan.most)
    boxes = network_input.grown(squares, plan.border, *image.size)
    return Found(record, boxes, network_input.cut(pixels, boxes, plan), image.size)


def _rows(record: Record, plan: Plan) -> Found:
    X = read_rows(record)
    if X.shape[1:] != (shape := (plan.size, plan.size, plan.channels)):
        found, taken = ("x".join(map(str, sides)) for sides in (X.shape[1:], shape))
        raise UserError(f"{record.picture}: patches have another size. Received: {found}, not {taken}.")
    return Found(record, np.tile([0, 0, *X.shape[2:0:-1]], (len(X), 1)), X, None)


def _of_robot(record: Record, plan: Plan) -> Found:
    """The robot's own candidates in a log, with their saved pixels, RGB or gray, and their boxes in the picture."""
    boxes, X = [], [np.empty((0, plan.size, plan.size, plan.channels), np.uint8)]
    for item in naoth_log.candidates(picture.read_bytes(record)):
        if not isinstance(item, Refused):
            gray = item.pixels.shape[2] == 1
            rgbx = item.pixels[..., 0].astype(np.uint32) if gray else network_input.rgbx(Image.fromarray(item.pixels))
            X.append(network_input.whole(rgbx, plan, True))
            boxes.append(item.box)
    return Found(record, np.array(boxes, np.int64).reshape(-1, 4), np.concatenate(X), None)
