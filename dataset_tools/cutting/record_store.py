"""All records of a run, on disk; in memory is only what they are sorted by."""

import math
import pickle
import re
from array import array
from pathlib import Path

import numpy as np

from dataset_tools.annotations.record import BALL, Record

SIZES_MAX = 4096  # sizes of balls that are handed out


class RecordStore:
    """Records by (camera, recording), sorted by name in each: frame 9 before frame 10."""

    def __init__(self, folder: Path):
        self._file = (folder / "records").open("w+b")
        self.groups: dict[tuple[str, str], list[tuple[str, int]]] = {}
        self._diameters = array("f")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def add(self, record: Record, camera: str, recording: str) -> None:
        """Keeps one record."""
        at = self._file.seek(0, 2)
        pickle.dump(record, self._file, pickle.HIGHEST_PROTOCOL)
        self.groups.setdefault((camera, recording), []).append((_natural(record.name), at))
        if record.size is not None:
            widths = [box.right - box.left for box in record.boxes if box.kind == BALL]
            # Rounded, since two formats may write one box with another last digit.
            self._diameters.extend(round(min(x / record.size[0], 1), 5) for x in widths if 0 < x < math.inf)

    def diameters(self) -> np.ndarray:
        """Of the balls of all records, in widths of their picture: sorted, some thousands evenly over all sizes."""
        found = np.sort(np.array(self._diameters, float))
        return found[:: len(found) // SIZES_MAX + 1]

    def offsets(self, group: tuple[str, str], every: int) -> list[int]:
        """Where the records of a group lie, in the order of their names; one of every `every`."""
        return [at for _, at in sorted(self.groups[group])[::every]]

    def read(self, at: int) -> Record:
        """One record."""
        self._file.seek(at)
        return pickle.load(self._file)  # noqa: S301  written above, by this process


def _natural(name: str) -> str:
    """A sort key: numbers in the name compare as numbers."""
    return re.sub(r"\d+", lambda digits: f"{digits[0]:0>12}", name)
