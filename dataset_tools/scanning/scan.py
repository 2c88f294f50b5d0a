"""Reads pictures in several processes, and scores their candidates in batches."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from common.cli.progress import progress_bar
from common.errors import UserError
from dataset_tools.annotations import naoth_log, picture
from dataset_tools.annotations.record import Record
from dataset_tools.building.workers import workers
from dataset_tools.scanning import candidates, network_input
from dataset_tools.scanning.frames import is_patch, read_rows
from dataset_tools.scanning.network_input import NetworkInput
from dataset_tools.sources.labels import KEYS, Refused
from dataset_tools.sources.patch_sources import Skipped

PICTURES = 4  # pictures per task
BATCH = 4096  # patches scored at a time


@dataclass(frozen=True)
class Plan:
    """How candidates are found and cut: ball radius in pixels, side in diameters, maximum number per picture."""

    wanted: NetworkInput
    radius: tuple[float, float]
    scale: float
    most: int


class Found(NamedTuple):
    """The candidates of a picture, or the patches of a file.

    boxes: int64 [n, 4], left, top, right, bottom in its picture, pixels. X: uint8 [n, size, size, channels].
    size: width and height of the picture, None for patches. seen: frames, for the progress bar.
    """

    record: Record
    boxes: np.ndarray
    X: np.ndarray
    size: tuple[int, int] | None


class Scored(NamedTuple):
    """Candidates with their model outputs, float32 [n, outputs]."""

    found: Found
    answers: np.ndarray


def scan(
    items: Iterable[Record | Skipped],
    total: int,
    plan: Plan,
    judge: Callable[[np.ndarray], np.ndarray],
    jobs: int,
    skip: Callable[[Skipped], object],
) -> Iterator[Scored]:
    """Scores the candidates of all frames, in their order.

    Args:
        items: the frames. total: their number, for the progress bar.
        plan: how candidates are found. judge: X uint8 [n, size, size, channels] -> float32 [n, outputs].
        jobs: number of processes for reading. skip: called for everything that was left out.

    Raises:
        UserError: outputs are NaN or infinite.
    """
    waiting: list[Found] = []
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
                yield from _scored(waiting, judge)
                waiting = []
        yield from _scored(waiting, judge)


def _scored(waiting: list[Found], judge: Callable[[np.ndarray], np.ndarray]) -> Iterator[Scored]:
    if not waiting:
        return
    X = np.concatenate([found.X for found in waiting])
    answers = judge(X) if len(X) else np.empty((0, 1), np.float32)
    check_finite(answers)
    ends = np.cumsum([len(found.X) for found in waiting])[:-1]
    yield from (Scored(found, part) for found, part in zip(waiting, np.split(answers, ends), strict=True))


def check_finite(answers: np.ndarray) -> np.ndarray:
    """The outputs of a model, [n, outputs], if all of them are finite.

    Raises:
        UserError: some are NaN or infinite.
    """
    if wrong := int(np.sum(~np.isfinite(answers).all(axis=1))):
        raise UserError(f"the model's outputs are NaN or infinite. Received: {wrong} of {len(answers)} patches.")
    return answers


def of_frames(items: list[Record | Skipped], plan: Plan) -> list[Found | Skipped]:
    """The candidates of some pictures, or the reason why one cannot be read; runs in any process."""
    result: list[Found | Skipped] = []
    for item in items:
        if isinstance(item, Record):
            try:
                result.append(_of_frame(item, plan))
            except Refused as refused:
                result.append(Skipped(item.name, str(refused)))
        else:
            result.append(item)
    return result


def _of_frame(record: Record, plan: Plan) -> Found:
    if record.patch:
        return _rows(record, plan.wanted) if record.patch == "rows" else _of_robot(record, plan.wanted)
    image = picture.read(record)
    pixels = network_input.rgbx(image)
    if is_patch(image):
        ready = "subsampled" in image.info or KEYS.isdisjoint(image.info)
        box = np.array([[0, 0, image.width, image.height]])
        return Found(record, box, network_input.whole(pixels, plan.wanted, ready), None)
    squares = candidates.find(np.asarray(image.convert("L")), plan.radius, plan.scale, plan.most)
    boxes = network_input.grown(squares, plan.wanted.border, *image.size)
    return Found(record, boxes, network_input.cut(pixels, boxes, plan.wanted), image.size)


def _rows(record: Record, wanted: NetworkInput) -> Found:
    X = read_rows(record)
    if X.shape[1:] != (wanted.size, wanted.size, wanted.channels):
        shapes = ("x".join(map(str, shape)) for shape in (X.shape[1:], (wanted.size, wanted.size, wanted.channels)))
        raise UserError(f"{record.picture}: patches have another size. Received: {next(shapes)}, not {next(shapes)}.")
    return Found(record, np.tile([0, 0, *X.shape[2:0:-1]], (len(X), 1)), X, None)


def _of_robot(record: Record, wanted: NetworkInput) -> Found:
    """The robot's own candidates in a log, with their saved pixels and their boxes in the picture."""
    found = [item for item in naoth_log.candidates(picture.read_bytes(record)) if not isinstance(item, Refused)]
    parts = [_small(item.pixels, wanted) for item in found]
    X = np.concatenate(parts) if parts else np.empty((0, wanted.size, wanted.size, wanted.channels), np.uint8)
    return Found(record, np.array([item.box for item in found], np.int64).reshape(-1, 4), X, None)


def _small(pixels: np.ndarray, wanted: NetworkInput) -> np.ndarray:
    if pixels.shape[2] == 1:
        return network_input.whole(pixels[..., 0].astype(np.uint32), wanted, True)
    rgbx = np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 255, np.uint8)], axis=2)
    return network_input.whole(np.ascontiguousarray(rgbx).view("<u4")[..., 0], wanted, True)
