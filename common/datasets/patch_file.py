"""Opens and fully checks files in the HDF5 patch format of the archive.

A file holds `X` uint8 [n, side, side, channels] and `y`; newer files add `recording`, `camera` and `origin`, one string
per patch, and the newest `side` and `source`. The fields are described in `Patches`.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from common.datasets import patch_checks, patch_writer
from common.datasets.patch_checks import KEYS, SIDES, TASKS
from common.datasets.safe_hdf5 import SafeFile
from common.datasets.sampling_rules import rule_in
from common.errors import UserError

__all__ = [
    "KEYS",
    "SIDES",
    "TASKS",
    "PatchFile",
    "Patches",
    "concatenate",
    "open_patches",
    "read_patches",
    "task_of",
    "write_patches",
]

BLOCK = 8192  # patches per block when a file is read in parts: 16 MB at 32x32x2
COLUMNS = (*KEYS, *patch_checks.DETAILS)
write_patches = patch_writer.write_patches


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches in memory.

    X: uint8 [n, side, side, channels]; one channel is Y, two are Y and the interleaved U/V of YUV422.
    y: float32 [n], 1 ball and 0 no ball; or float32 [n, 3] = [radius, center_x, center_y], fractions of the patch.
    recording, camera, origin: str [n] each, or None if the file does not say.
    side: float32 [n], pixels of the patch in the camera picture, NaN where unknown; or None.
    source: bytes [n], UTF-8, archive and member of each patch, all different; or None. As str, larger than X.
    files: names of the files that the patches were read from.
    sampling: how they were subsampled, keys of `common.datasets.sampling_rules.RULES`; None if a file does not say.
    """

    X: np.ndarray
    y: np.ndarray
    recording: np.ndarray | None = None
    camera: np.ndarray | None = None
    origin: np.ndarray | None = None
    side: np.ndarray | None = None
    source: np.ndarray | None = None
    files: tuple[str, ...] = ()
    sampling: str | None = None

    def __len__(self) -> int:
        return len(self.X)

    @property
    def task(self) -> str:
        """`classification` or `detection`, depending on the shape of y."""
        return TASKS[0] if self.y.ndim == 1 else TASKS[1]

    @cached_property
    def digest(self) -> str:
        """sha256 (hex) of X, y, recording and camera, independent of the file's chunks, compression and types."""
        digest = hashlib.sha256(f"{self.task} {self.X.shape}".encode())
        for start in range(0, len(self), BLOCK):  # in blocks, so that a contiguous copy never needs as much memory as X
            digest.update(np.ascontiguousarray(self.X[start : start + BLOCK]))
        digest.update(np.ascontiguousarray(self.y, dtype="<f4"))
        for key in ("recording", "camera"):
            values = getattr(self, key)
            digest.update(f"\0{key} {values is not None}\0".encode())
            for start in range(0, 0 if values is None else len(values), BLOCK):
                digest.update("\0".join([*values[start : start + BLOCK].tolist(), ""]).encode())
        return digest.hexdigest()

    @cached_property
    def channel_means(self) -> np.ndarray:
        """The mean pixel value of each channel, 0..255, float64 [channels]."""
        sums = [self.X[at : at + BLOCK].sum((0, 1, 2), dtype=np.int64) for at in range(0, len(self), BLOCK)]
        return np.sum(sums, 0) / (len(self) * self.X.shape[1] * self.X.shape[2])

    def take(self, indices: np.ndarray) -> "Patches":
        """The patches at `indices` (integers or a bool mask), copied, in that order."""
        columns = {key: None if getattr(self, key) is None else getattr(self, key)[indices] for key in COLUMNS}
        return Patches(self.X[indices], self.y[indices], **columns, files=self.files, sampling=self.sampling)


@dataclass(frozen=True)
class PatchFile:
    """An open, checked patch file that is read in parts, for files that are larger than the memory.

    `shape` is the shape of X.
    """

    path: Path
    task: str
    shape: tuple[int, int, int, int]
    _file: SafeFile

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, start: int = 0, stop: int | None = None) -> Patches:
        """The patches start..stop, checked; X is in memory only once.

        Raises:
            UserError: impossible labels, or this part of the file is damaged.
        """
        start, stop, _ = slice(start, stop).indices(len(self))
        read = {key: column.read(start, stop) for key, column in self._file.columns.items()}
        X, y = read.pop("X"), patch_checks.labels(read.pop("y"), self.task, self.path)
        columns = {key: patch_checks.text(values) for key, values in read.items() if key in KEYS}
        if "side" in read:
            columns["side"] = read["side"].astype(np.float32)
        if "source" in read:
            columns["source"] = read["source"].astype("S")
        return Patches(X, y, **columns, files=(self.path.name,), sampling=self.sampling)

    @cached_property
    def sampling(self) -> str | None:
        """The sampling rule in the file's attributes; None if there is none or it cannot be read."""
        return sampling_rule(self._file)

    @property
    def attributes(self) -> dict[str, object]:
        """The file's attributes; read only on demand, because training needs none."""
        return self._file.attributes()

    def blocks(self, size: int = BLOCK) -> Iterator[Patches]:
        """All patches in order, `size` at a time; the last block contains the remainder."""
        for start in range(0, len(self), size):
            yield self.read(start, start + size)


def sampling_rule(file: SafeFile) -> str | None:
    """The sampling rule in the attributes of an open file; None if there is none or it cannot be read."""
    try:
        return rule_in(file.attributes())
    except UserError:
        return None


def joined_rule(rules: Iterable[str | None]) -> str | None:
    """The sampling rules of joined patches, as one string; None if any of them is unknown."""
    rules = sorted({rule or "" for rule in rules})
    return " and ".join(rules) if all(rules) else None


def task_of(path: Path | str) -> str:
    """`classification` or `detection`, depending on the shape of y.

    Raises:
        UserError: not a patch file.
    """
    path = Path(path)
    with closing(patch_checks.open_file(path)) as file:
        y = file.columns.get("y")
        task = TASKS[1] if y is not None and y.shape[1:] == (3,) else TASKS[0]
        patch_checks.layout(file, task)
    return task


@contextmanager
def open_patches(path: Path | str, task: str) -> Iterator[PatchFile]:
    """Opens a patch file and checks everything that needs no pixels or labels; use it in a `with` statement.

    Raises:
        UserError: it is not a file or not HDF5, keys are missing, or shapes and types cannot be used.
    """
    path = Path(path)
    with closing(patch_checks.open_file(path)) as file:
        patch_checks.layout(file, task)
        yield PatchFile(path, task, file.columns["X"].shape, file)


def read_patches(path: Path | str, task: str) -> Patches:
    """Reads and checks a whole patch file in the old or the new format.

    Args:
        path: the file.
        task: `classification` or `detection`.

    Raises:
        UserError: one line with the file, what is wrong and what was received.
    """
    with open_patches(path, task) as file:
        patches = file.read()
    if task == "detection":
        patch_checks.column_order(patches.y, Path(path))
    return patches


def concatenate(parts: list[Patches]) -> Patches:
    """Joins patches of one task, size and number of channels, in order.

    Columns such as `recording` are kept only if all parts have them.

    Raises:
        UserError: there is nothing to join, or the parts do not match.
    """
    if not parts:
        raise UserError("no patches to join. Received: an empty list.")
    if len(parts) == 1:
        return parts[0]
    for part in parts[1:]:
        if (part.X.shape[1:], part.y.shape[1:]) != (parts[0].X.shape[1:], parts[0].y.shape[1:]):
            raise UserError(
                f"{', '.join(part.files) or 'patches'}: does not match {', '.join(parts[0].files) or 'the others'}."
                f" Received: {_kind(part)} and {_kind(parts[0])}. Use files of one size, colour and task."
            )
    columns = {}
    for key in COLUMNS:
        values = [getattr(part, key) for part in parts]
        columns[key] = None if any(value is None for value in values) else np.concatenate(values)
    files = tuple(name for part in parts for name in part.files)
    X, y = np.concatenate([part.X for part in parts]), np.concatenate([part.y for part in parts])
    return Patches(X, y, **columns, files=files, sampling=joined_rule(part.sampling for part in parts))


def _kind(patches: Patches) -> str:
    return f"{patches.task} {'x'.join(str(size) for size in patches.X.shape[1:])}"
