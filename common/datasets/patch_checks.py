"""Checks patch files for `common.datasets.patch_file`; "refuses" means that a function raises a UserError."""

from pathlib import Path

import numpy as np

from common.datasets.hdf5_column import check_room
from common.datasets.safe_hdf5 import SafeFile, open_hdf5
from common.errors import UserError

KEYS = ("recording", "camera", "origin")  # newer files have these columns, with one string per patch
# All columns except X and y, with the kinds of their NumPy types; only the newest files have `side` and `source`.
COLUMNS = {**dict.fromkeys(KEYS, "SO"), "side": "fiu", "source": "SO"}
SIDES = (16, 32)  # pixels; the networks of this repository are built for these two sizes
CENTRE_RANGE = (-0.25, 1.25)  # fractions of the patch; real labels are within 0.02..1.014
RADIUS_MAX = 1.0  # fraction of the patch; real labels are within 0.3..0.55
ORDER_MIN = 30  # with fewer labels than this, the order of the columns is not checked
ORDER_SIGMAS = 5.0  # the centres must exceed the suspected radius by this many standard errors


def open_file(path: Path, task: str | None = None) -> SafeFile:
    """Opens a patch file for a task (None means either task), and refuses it if keys, shapes or types are wrong.

    Reads no values. Checks that all columns except X fit into memory. The caller closes the file.
    """
    file = open_hdf5(path, ("X", "y", *COLUMNS))
    columns = file.columns
    for key in ("X", "y"):
        if key not in columns:
            raise UserError(f"{path}: has no {key}. Received: keys {file.names() or 'none'}. Not a patch file.")
    X, y = columns["X"], columns["y"]
    pixels(X.shape, X.dtype, path)
    label_shape(y.shape, y.dtype, len(X), task or task_of(file), path)
    for key, kinds in COLUMNS.items():
        if key in columns and (columns[key].shape != (len(X),) or columns[key].dtype.kind not in kinds):
            what = "number" if key == "side" else "string"
            found = f"{columns[key].dtype} {columns[key].shape}"
            raise UserError(f"{path}: {key} must hold one {what} per patch ({len(X)}). Received: {found}.")
    check_room(sum(column.bytes for key, column in columns.items() if key != "X"), path)
    return file


def task_of(file: SafeFile) -> str:
    """Returns the task of an open file, which depends on the shape of y."""
    return "detection" if file.columns["y"].shape[1:] == (3,) else "classification"


def pixels(shape: tuple[int, ...], dtype: np.dtype, path: Path) -> None:
    """Refuses X unless it is uint8 [n > 0, side, side, 1 or 2] with a side of 16 or 32."""
    square = len(shape) == 4 and shape[1] == shape[2] in SIDES
    if dtype != np.uint8 or not square or shape[3] not in (1, 2) or not shape[0]:
        hint = " Store the raw 0..255 values: scaling and mean are part of the model." if dtype.kind == "f" else ""
        raise UserError(
            f"{path}: X must be uint8 [n, side, side, channels] of 16x16 or 32x32 pixels and 1 channel (Y) or 2 "
            f"(Y, U/V). Received: {dtype} {list(shape)}.{hint}"
        )


def label_shape(shape: tuple[int, ...], dtype: np.dtype, count: int, task: str, path: Path) -> None:
    """Refuses y unless it consists of `count` numeric labels for the task."""
    other = {(3,): "detection", (): "classification", (1,): "classification"}.get(shape[1:])
    if other != task or shape[:1] != (count,) or dtype.kind not in "biuf":
        hint = f" This is a {other} file." if other not in (None, task) else ""
        wanted = "[n] or [n, 1]" if task == "classification" else "[n, 3] = [radius, center_x, center_y]"
        received = f"{dtype} {list(shape)} for {count} patches"
        raise UserError(f"{path}: y of a {task} file must be numbers {wanted}. Received: {received}.{hint}")


def labels(y: np.ndarray, task: str, path: Path) -> np.ndarray:
    """Converts labels of any number type to the format of `Patches.y`; refuses NaN, infinite and invalid labels."""
    with np.errstate(over="ignore"):  # values too large for float32 become infinite, which is refused below
        y = y.astype(np.float32)
    if task == "classification":
        y = y.reshape(-1)
        rule, good = "0 or 1", (y == 0) | (y == 1)
    else:
        low, high = CENTRE_RANGE
        rule = "[radius, center_x, center_y] in fractions of the patch, "
        rule += f"0 < radius <= {RADIUS_MAX:g}, centre {low:g}..{high:g}"
        good = (y[:, 0] > 0) & (y[:, 0] <= RADIUS_MAX) & ((y[:, 1:] >= low) & (y[:, 1:] <= high)).all(axis=1)
    bad = np.flatnonzero(~good)
    if len(bad):
        received = f"{y[bad[0]].tolist()} at index {bad[0]} ({len(bad)} such labels)"
        raise UserError(f"{path}: y must be {rule}. Received: {received}.")
    return y


def column_order(y: np.ndarray, path: Path) -> None:
    """Refuses detection labels that look like [x, y, radius] or [x, radius, y].

    Balls lie around the middle of their patch, so both columns of the centre have a mean near 0.5. The radius
    has a smaller mean than they do (about 0.4 without a border) and varies less. A file is refused only if its labels
    clearly show that the radius is not in the first column. Small files and unusual but valid files are never refused.
    """
    if len(y) < ORDER_MIN:
        return
    mean, spread = y.mean(axis=0, dtype=np.float64), y.std(axis=0, dtype=np.float64)
    for column in (1, 2):
        others = [index for index in range(3) if index != column]
        above = y[:, others].astype(np.float64) - y[:, [column]]
        error = above.std(axis=0) / np.sqrt(len(y)) + 1e-9
        if (
            (np.abs(mean[others] - 0.5) < 0.08).all()
            and (mean[others] - mean[column] > 0.04).all()
            and (above.mean(axis=0) / error > ORDER_SIGMAS).all()
            and spread[column] < 0.8 * spread[others].min()
        ):
            seen = "[x, radius, y]" if column == 1 else "[x, y, radius]"
            raise UserError(
                f"{path}: the columns of y look like {seen}, expected [radius, center_x, center_y]."
                f" Received: column means {np.round(mean, 3).tolist()}. Reorder the columns and write the file again."
            )
