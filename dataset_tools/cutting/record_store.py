"""Stores all records on disk; only their sort keys are in memory."""

import math
import pickle
import re
from array import array
from typing import BinaryIO

import numpy as np

from dataset_tools.annotations.kinds import BALL
from dataset_tools.annotations.record import Record

SIZES_MAX = 4096  # maximum number of ball sizes that are returned


class RecordStore:
    """Stores records in groups by (camera, recording), sorted by name with frame 9 before frame 10."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self.groups: dict[tuple[str, str], list[tuple[str, int]]] = {}
        self._diameters = array("f")

    def add(self, record: Record, camera: str, recording: str) -> None:
        """Stores one record."""
        at = self._file.seek(0, 2)
        pickle.dump(record, self._file, pickle.HIGHEST_PROTOCOL)
        self.groups.setdefault((camera, recording), []).append((_natural(record.name), at))
        if record.size is not None:
            widths = [box.right - box.left for box in record.boxes if box.kind == BALL]
            # Diameters are rounded, because two formats may write the same box with different last digits.
            self._diameters.extend(round(min(x / record.size[0], 1), 5) for x in widths if 0 < x < math.inf)

    def diameters(self) -> np.ndarray:
        """Returns sorted ball diameters as fractions of the picture's width: at most SIZES_MAX, evenly spread."""
        found = np.sort(np.array(self._diameters, float))
        return found[:: len(found) // SIZES_MAX + 1]

    def offsets(self, group: tuple[str, str], every: int) -> list[int]:
        """Returns the file positions of every Nth record of a group, sorted by name; N is `every`."""
        return [at for _, at in sorted(self.groups[group])[::every]]

    def read(self, at: int) -> Record:
        """Reads one record."""
        self._file.seek(at)
        return pickle.load(self._file)  # noqa: S301  written above, by this process


def _natural(name: str) -> str:
    """Returns a sort key that compares numbers in a name as numbers."""
    return re.sub(r"\d+", lambda digits: f"{digits[0]:0>12}", name)
