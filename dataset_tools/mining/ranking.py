"""Ranks candidates for labelling by uncertainty; keeps only a few from each second, and no two similar candidates."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from common.datasets.patch_file import stored_patches
from dataset_tools.annotations import picture_names
from dataset_tools.annotations.record import Record
from dataset_tools.leaks import hashes
from dataset_tools.leaks.duplicates import CORRELATION_MIN, NEAR_BITS, correlation
from dataset_tools.scanning.circles import in_the_middle, merge_circles
from dataset_tools.scanning.scan import Found

POOL_MAX = 20_000  # candidates kept in memory, about 1 kB each; beyond that, the less interesting half is dropped
BLOCK = 8192  # training patches hashed at a time
OF_A_FILM = re.compile(r"-\d+$")  # matches the same names as `picture_names.recording_of`


class Choice(NamedTuple):
    """A candidate, and all balls that the model sees in its picture: circles [k, 3] in pixels and scores [k]."""

    interest: float
    record: Record
    index: int
    box: tuple[int, ...]
    X: np.ndarray
    scores: np.ndarray
    size: tuple[int, int] | None
    balls: tuple[np.ndarray, np.ndarray]


def nearest_to_half(scores: np.ndarray) -> np.ndarray:
    """Returns how uncertain the first model is: [n], from scores [n, models].

    The result is 1 for a score of 0.5, and 0 for a score of 0 or 1.
    """
    return 1 - 2 * np.abs(scores[:, 0] - 0.5)


def disagreement(scores: np.ndarray) -> np.ndarray:
    """Returns how much the models, or the views of a patch, disagree: [n], from scores [n, models].

    The result is 0 if all scores of a patch are equal, and at most 1.
    """
    return 2 * scores.std(axis=1)


def views(X: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the patches unchanged, flipped, and shifted to each side; U stays in even and V in odd columns.

    Args:
        X: uint8 [n, height, width, 1 or 2].
    """
    step = X.shape[3]
    flipped = X[:, :, ::-1].copy()
    if step == 2:
        flipped[:, :, 0::2, 1], flipped[:, :, 1::2, 1] = flipped[:, :, 1::2, 1].copy(), flipped[:, :, 0::2, 1].copy()
    yield from (X, flipped)
    padded = np.pad(X, ((0, 0), (1, 1), (0, 0), (0, 0)), mode="edge")
    yield from (padded[:, :-2], padded[:, 2:])
    yield np.concatenate([X[:, :, step:], X[:, :, -step:]], axis=2)
    yield np.concatenate([X[:, :, :step], X[:, :, :-step]], axis=2)


class Pool:
    """The most interesting candidates so far: the best ones of each second, for each camera and recording.

    scale: side of a candidate in ball diameters; of overlapping candidates, only the best is kept.
    """

    def __init__(self, per_second: int, fps: float, scale: float):
        self._per_second, self._fps, self._scale = per_second, fps, scale
        self._held: list[Choice] = []
        self.crowded = 0  # candidates dropped because the same second has better ones

    def add(self, found: Found, scores: np.ndarray, interest: np.ndarray, balls: tuple[np.ndarray, np.ndarray]) -> None:
        """Adds the best candidates of a picture, if their interest is above 0.

        Args:
            scores: float [n, models]. interest: float [n].
            balls: the balls that the model sees in the picture, see `Choice`.
        """
        best = np.argsort(-interest, kind="stable")
        if found.size is not None:
            best = merge_circles(in_the_middle(found.boxes, self._scale), interest)[: self._per_second]
        for index in best[interest[best] > 0].tolist():
            box = tuple(found.boxes[index].tolist())
            rest = (found.X[index].copy(), scores[index].copy(), found.size, balls)
            self._held.append(Choice(float(interest[index]), found.record, index, box, *rest))
        if len(self._held) > POOL_MAX:
            self._held = self.ranked()[: POOL_MAX // 2]

    def ranked(self) -> list[Choice]:
        """Returns the best candidates of each second, the most interesting first; drops all others from the pool."""
        seconds, best = Counter(), []
        for choice in sorted(self._held, key=lambda choice: -choice.interest):
            second = self._second(choice)
            seconds[second] += 1
            if seconds[second] <= self._per_second:
                best.append(choice)
        self.crowded += len(self._held) - len(best)
        self._held = best
        return best

    def _second(self, choice: Choice) -> tuple:
        """Returns the group in which a candidate competes: its camera, recording and second.

        Only pictures in a log, or with names like `GAME-000123.png`, are grouped by second; any other picture or patch
        forms a group of its own.
        """
        record, number = choice.record, picture_names.number_of(choice.record)
        time = f"{record.name}/{number}"
        if choice.size is None:
            time += f"/{choice.index}"
        elif number >= 0 and (record.in_log or OF_A_FILM.search(PurePosixPath(record.name).stem)):
            time = int(number / self._fps)
        return record.picture if record.in_log else "", record.recording, record.camera, time


class Known:
    """The patches of the training data, and the patches already chosen."""

    def __init__(self, training: Iterable[Path] = (), progress: Callable[[int], object] = int):
        paths = list(training)
        X = stored_patches(paths, "classification").X if paths else []
        self._patches = {"training": X, "chosen": []}
        self._looks = {what: np.empty(0, np.uint64) for what in self._patches}
        for start in range(0, len(X), BLOCK):
            looks = hashes.look(hashes.small(X[start : start + BLOCK]))
            self._looks["training"] = np.append(self._looks["training"], looks)
            progress(len(looks))

    def __len__(self) -> int:
        return len(self._patches["training"])

    def like(self, X: np.ndarray) -> str:
        """Searches for a patch that is similar to X [size, size, channels].

        Returns `training` if a training patch is similar, or `chosen` if a chosen patch is. If no patch is similar,
        adds X to the chosen patches and returns "".
        """
        small = hashes.small(X[None])
        look = hashes.look(small)[0]
        for what, patches in self._patches.items():
            found = np.flatnonzero(np.bitwise_count(self._looks[what] ^ look) <= NEAR_BITS).tolist()
            near = [hashes.small(np.asarray(patches[index : index + 1])) for index in found]
            if near and (correlation(np.repeat(small, len(near), 0), np.concatenate(near)) >= CORRELATION_MIN).any():
                return what
        self._patches["chosen"].append(X)
        self._looks["chosen"] = np.append(self._looks["chosen"], look)
        return ""


def choose(pool: Pool, known: Known, most: int) -> tuple[list[Choice], str]:
    """Returns the first `most` candidates that resemble neither a training patch nor each other.

    Also returns a message with the number of candidates that were left out, and the reasons.
    """
    chosen, left_out = [], Counter()
    for choice in pool.ranked():
        if len(chosen) == most:
            break
        what = known.like(choice.X)
        left_out[what] += 1
        if not what:
            chosen.append(choice)
    told = f"{left_out['training']} similar to a training patch, {left_out['chosen']} to a chosen patch"
    return chosen, f"Left out: {pool.crowded} ranked lower than others in the same second, {told}"
