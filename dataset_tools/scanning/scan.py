"""Reads pictures in several processes, and scores their candidates in batches."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import NamedTuple

import numpy as np
from PIL import Image

from common.cli.progress import progress_bar
from common.datasets.patch_checks import open_file
from common.errors import UserError
from dataset_tools.annotations import naoth_log, picture
from dataset_tools.annotations.record import Record
from dataset_tools.building.workers import workers
from dataset_tools.scanning import candidates
from dataset_tools.scanning.frames import is_patch
from dataset_tools.scanning.network_input import Plan, cut, rgbx, subsample
from dataset_tools.sources.borders import grow
from dataset_tools.sources.labels import KEYS, Refused
from dataset_tools.sources.patch_sources import Skipped

PICTURES = 4  # pictures per task
BATCH = 4096  # patches scored at a time


class Found(NamedTuple):
    """The candidates of a picture, or the patches of a file.

    boxes: int64 [n, 4], left, top, right, bottom in pixels of the picture. X: uint8 [n, size, size, channels].
    size: width and height of the picture, None for patches.
    """

    record: Record
    boxes: np.ndarray
    X: np.ndarray
    size: tuple[int, int] | None


def scan(
    items: Iterable[Record | Skipped], total: int, plan: Plan, judge: Callable, jobs: int, skip: Callable
) -> Iterator[tuple[Found, np.ndarray]]:
    """Scores the candidates of all frames in order; yields the candidates with the model's outputs [n, outputs].

    Args:
        items: the frames. total: number of frames, for the progress bar.
        plan: how candidates are found. judge: X uint8 [n, size, size, channels] -> float32 [n, outputs].
        jobs: number of processes for reading. skip: called for everything that is skipped.
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
    """Returns the candidates of each picture, or `Skipped` if it cannot be read; can run in a worker process."""
    return [_of_frame(item, plan) for item in items]


def _of_frame(item: Record | Skipped, plan: Plan) -> Found | Skipped:
    if isinstance(item, Skipped):
        return item
    try:
        return {"": _of_picture, "rows": _rows}.get(item.patch, _of_robot)(item, plan)
    except Refused as refused:
        return Skipped(item.name, str(refused))


def _of_picture(record: Record, plan: Plan) -> Found:
    image = picture.read(record)
    if is_patch(image):
        ready = "subsampled" in image.info or KEYS.isdisjoint(image.info)
        return Found(record, np.array([[0, 0, *image.size]]), subsample([rgbx(image)], plan, ready), None)
    squares = candidates.find(np.asarray(image.convert("L")), plan.radius, plan.scale, plan.most)
    boxes = np.concatenate([squares[:, :2], squares[:, :2] + squares[:, 2:]], axis=1)
    boxes = grow(boxes, plan.border, *image.size)
    return Found(record, boxes, cut(rgbx(image), boxes, plan), image.size)


def _rows(record: Record, plan: Plan) -> Found:
    start, count, *_ = record.place
    with closing(open_file(record.picture)) as file:
        X = file.columns["X"].read(start, start + count)
    if X.shape[1:] != (shape := (plan.size, plan.size, plan.channels)):
        found, taken = ("x".join(map(str, sides)) for sides in (X.shape[1:], shape))
        raise UserError(f"{record.picture}: patches have the wrong size. Received: {found}, not {taken}.")
    return Found(record, np.tile([0, 0, *X.shape[2:0:-1]], (len(X), 1)), X, None)


def _of_robot(record: Record, plan: Plan) -> Found:
    """Returns the robot's own candidates in a log, with their saved pixels, RGB or grey, and their boxes."""
    found = [item for item in naoth_log.candidates(picture.read_bytes(record)) if not isinstance(item, Refused)]
    patches = (
        item.pixels[..., 0].astype(np.uint32) if item.pixels.shape[2] == 1 else rgbx(Image.fromarray(item.pixels))
        for item in found
    )
    boxes = np.array([item.box for item in found], np.int64).reshape(-1, 4)
    return Found(record, boxes, subsample(patches, plan, ready=True), None)
