"""Reads and joins patches in the HDF5 format of the archive, and computes their digest and mean brightness.

A file holds `X` uint8 [n, side, side, channels] and `y`; newer files add `recording`, `camera` and `origin`, one string
per patch, and the newest files also `side` and `source`. The fields are described in `Patches`.
"""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from common.datasets import patch_checks
from common.datasets.hdf5_column import Column
from common.datasets.patch_checks import COLUMNS, KEYS
from common.datasets.sampling_rules import rule_in
from common.datasets.streaming import BLOCK, StoredPixels
from common.errors import UserError


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches with their labels; the pixels are in memory or still in the files.

    X: uint8 [n, side, side, channels]; one channel is Y, two are Y and the interleaved U/V of YUV422.
    y: float32 [n], 1 ball and 0 no ball; or float32 [n, 3] = [radius, center_x, center_y], fractions of the patch.
    recording, camera, origin: str [n] each, or None if the file does not contain them.
    side: float32 [n], pixels of the patch in the camera picture, NaN where unknown; or None.
    source: bytes [n], UTF-8, archive and member of each patch (unique); or None. As str, it would be larger than X.
    files: names of the files that the patches were read from.
    sampling: how the patches were sampled, a key of `common.datasets.sampling_rules.RULES`; None if it is unknown.
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
        return "classification" if self.y.ndim == 1 else "detection"

    @cached_property
    def digest(self) -> str:
        """The sha256 (hex) of X, y, recording and camera; it does not depend on the file's compression or types."""
        digest = hashlib.sha256(f"{self.task} {self.X.shape}".encode())
        for start in range(0, len(self), BLOCK):  # in blocks, because a contiguous copy could need as much memory as X
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
        """Returns a copy of the patches at `indices` (integers or a bool mask), in that order."""
        columns = {key: None if getattr(self, key) is None else getattr(self, key)[indices] for key in COLUMNS}
        return Patches(self.X[indices], self.y[indices], **columns, files=self.files, sampling=self.sampling)


def task_of(path: Path | str) -> str:
    """Returns `classification` or `detection`, from the shape of y; raises a UserError if it is not a patch file."""
    with closing(patch_checks.open_file(Path(path))) as file:
        return patch_checks.task_of(file)


def stored_patches(paths: Sequence[Path], task: str, check_order: bool = True) -> Patches:
    """Joins the patches of several files in order. Labels and names are read and checked now, pixels only when used.

    Labels and names take about 30 bytes per patch; `source` is left out.

    Args:
        paths: the files.
        task: `classification` or `detection`.
        check_order: refuse detection labels whose columns seem to be in the wrong order.

    Raises:
        UserError: a file cannot be used, or the files differ in size or colour.
    """
    return concatenate([_stored(path, task, check_order) for path in paths])


def _stored(path: Path, task: str, check_order: bool) -> Patches:
    file = patch_checks.open_file(path, task)
    y = patch_checks.labels(file.columns["y"].read(), task, path)
    if task == "detection" and check_order:
        patch_checks.column_order(y, path)
    columns = {key: _names(file.columns[key]) for key in KEYS if key in file.columns}
    if "side" in file.columns:
        columns["side"] = file.columns["side"].read().astype(np.float32)
    try:
        sampling = rule_in(file.attributes())
    except UserError:  # training does not need the attributes
        sampling = None
    return Patches(StoredPixels([file]), y, **columns, files=(path.name,), sampling=sampling)


def _names(column: Column) -> np.ndarray:
    """Reads strings as an array of objects. Equal strings share one object, because there are few different strings."""
    names, decoded = np.empty(len(column), object), {}
    for start in range(0, len(names), BLOCK):
        values = column.read(start, start + BLOCK).tolist()
        decoded |= {value: value.decode("utf-8", "replace") for value in set(values) - decoded.keys()}
        names[start : start + BLOCK] = [decoded[value] for value in values]
    return names


def read_patches(path: Path | str, task: str) -> Patches:
    """Reads and checks a whole patch file in the old or the new format; raises a UserError if it cannot be used."""
    patches = stored_patches([Path(path)], task)
    source = patches.X.files[0].columns.get("source")
    return replace(patches, X=patches.X[:], source=source and source.read().astype("S"))


def concatenate(parts: list[Patches]) -> Patches:
    """Joins patches in order. Columns such as `recording` are kept only if all parts have them.

    Raises:
        UserError: there is nothing to join, or the parts differ in task, size or number of channels.
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
    if all(isinstance(part.X, StoredPixels) for part in parts):
        X = StoredPixels([file for part in parts for file in part.X.files])
    else:
        X = np.concatenate([part.X for part in parts])
    y, files = np.concatenate([part.y for part in parts]), tuple(name for part in parts for name in part.files)
    rules = sorted({part.sampling or "" for part in parts})
    return Patches(X, y, **columns, files=files, sampling=" and ".join(rules) if all(rules) else None)


def _kind(patches: Patches) -> str:
    return f"{patches.task} {'x'.join(str(size) for size in patches.X.shape[1:])}"
