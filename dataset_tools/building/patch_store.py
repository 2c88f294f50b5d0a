"""Stores the patches of one pass: pixels in flat files on disk, labels and origins in memory (80 bytes per patch)."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.datasets.patch_checks import KEYS
from dataset_tools.building.subsample_chunk import CAMERA_CODES, THUMBNAIL, Batch, Plan
from dataset_tools.building.working_folder import working_folder
from dataset_tools.sources import labels
from dataset_tools.sources.patch_sources import ORIGINS
from dataset_tools.sources.skip_counts import Skips

CAMERA_NAMES = tuple(CAMERA_CODES)


@dataclass(frozen=True)
class Rows:
    """Selected rows of a flat file. `write_patches` reads them in slices, so only one slice is in memory."""

    path: Path
    count: int  # rows of the file
    row: tuple[int, int, int]  # height, width, channels of the file
    indices: np.ndarray  # int [n], the selected rows
    channels: int  # number of leading channels to use

    dtype = np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of an array of the selected rows."""
        return (len(self.indices), *self.row[:2], self.channels)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, rows: slice) -> np.ndarray:
        # Maps the file again for each slice: the pages of a permanent mapping would count as memory of this process.
        file = np.memmap(self.path, np.uint8, "r", shape=(self.count, *self.row))
        return file[self.indices[rows]][..., : self.channels]


class Store:
    """The patches of one pass. Batches are added in the order of the sources; after `close`, patches can be read."""

    def __init__(self, folder: Path, plan: Plan):
        self.plan = plan
        self.folder = folder
        self.recordings: list[str] = []
        self.skips = Skips()
        self._codes: dict[str, int] = {}
        self._parts: dict[str, list[np.ndarray]] = {}
        self._digests = {origin: hashlib.sha256() for origin in ORIGINS}
        self._seen: set[str] = set()
        self._files = {size: self._path(size).open("wb") for size in {*plan.sizes, "thumbnail"}}
        self.columns: dict[str, np.ndarray] = {}
        self.corrections: dict[str, object] = {}  # what --drop and --relabel changed

    def _path(self, size: int | str) -> Path:
        return self.folder / f"{size}.u8"

    def __len__(self) -> int:
        return len(self.columns["ball"])

    def add(self, batch: Batch) -> None:
        """Appends the patches of a batch."""
        for size, pixels in batch.pixels.items():
            self._files[size].write(pixels.tobytes())
        columns = dict(batch.columns)
        self._files["thumbnail"].write(columns.pop("thumbnail").tobytes())
        columns["recording"] = np.array([self._code(name) for name in batch.recordings], np.int32)
        for key, values in columns.items():
            self._parts.setdefault(key, []).append(values)
        origin, label = batch.label
        self._seen.add(origin)
        self._digests[origin].update(f"{label} {batch.digest}\n".encode())
        for item in batch.skipped:
            self.skips.add(item, origin)

    def _code(self, recording: str) -> int:
        code = self._codes.setdefault(recording, len(self._codes))
        if code == len(self.recordings):
            self.recordings.append(recording)
        return code

    def close_files(self) -> None:
        """Closes the pixel files; may be called more than once."""
        with ExitStack() as stack:  # closes all files, even if closing one of them fails because the disk is full
            for file in self._files.values():
                stack.callback(file.close)

    def close(self) -> None:
        """Closes the files and completes `columns`; the column `kind` is computed by `labels.kinds`."""
        self.close_files()
        self.columns = {key: np.concatenate(self._parts.pop(key)) for key in list(self._parts)}
        if self.columns:
            self.columns["kind"] = labels.kinds(self.columns["ball"], self.columns["robot"])
        else:
            self.columns = {"ball": np.empty(0)}

    def rows(self, size: int, indices: np.ndarray, channels: int) -> Rows:
        """Returns the network inputs of the patches at `indices`."""
        return Rows(self._path(size), len(self), (size, size, 2 if self.plan.chroma else 1), indices, channels)

    def thumbnails(self, indices: np.ndarray) -> np.ndarray:
        """Returns the brightness of the patches at `indices`: uint8 [n, 16, 16]."""
        shape = (THUMBNAIL, THUMBNAIL, 1)
        return Rows(self._path("thumbnail"), len(self), shape, indices, 1)[:][..., 0]

    def names(self, key: str, indices: np.ndarray) -> np.ndarray:
        """Returns one of COLUMNS for the patches at `indices`: numbers, or names as UTF-8 bytes [n]."""
        if key not in KEYS:
            return self.columns[key][indices]
        table = {"recording": self.recordings, "camera": CAMERA_NAMES, "origin": ORIGINS}[key]
        return np.char.encode(np.array(table, dtype=str), "utf-8")[self.columns[key][indices]]

    def digests(self) -> dict[str, str]:
        """Returns the sha256 of everything that was read, by origin."""
        return {origin: self._digests[origin].hexdigest() for origin in ORIGINS if origin in self._seen}


@contextmanager
def temporary_store(folder: Path, plan: Plan) -> Iterator[Store]:
    """Yields a store in a hidden folder, which is deleted when the block ends.

    The hidden folder is inside `folder`, so that it is on the same disk as the result.
    """
    with working_folder(folder, ".build-") as own:
        store = Store(own, plan)
        try:
            yield store
        finally:
            store.close_files()
