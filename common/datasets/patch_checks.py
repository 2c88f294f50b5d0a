"""Defines what a patch file is: all checks of `common.datasets.patch_file`, each with one line for the user."""

from pathlib import Path

import numpy as np

from common.datasets.hdf5_column import check_room
from common.datasets.safe_hdf5 import SafeFile, open_hdf5
from common.errors import UserError

TASKS = ("classification", "detection")
KEYS = ("recording", "camera", "origin")  # one string per patch, in newer files
DETAILS = {"side": "fiu", "source": "SO"}  # one number, one string per patch, in the newest files: NumPy type kinds
SIDES = (16, 32)  # pixels; the networks of this repository are built for these two
CENTRE_RANGE = (-0.25, 1.25)  # fractions of the patch; real labels reach 0.02..1.014
RADIUS_MAX = 1.0  # fraction of the patch; real labels reach 0.3..0.55
ORDER_MIN = 30  # fewer labels do not show the order of the columns
ORDER_SIGMAS = 5.0  # how far the centres must lie above the suspected radius


def open_file(path: Path) -> SafeFile:
    """Opens a patch file for reading; the caller closes it.

    Raises:
        UserError: the file does not exist, is not readable, is not HDF5, or stores its values elsewhere.
    """
    return open_hdf5(path, ("X", "y", *KEYS, *DETAILS))


def layout(file: SafeFile, task: str) -> None:
    """Checks keys, shapes, types and the memory needed by everything but X; reads neither pixels nor labels.

    Raises:
        UserError: something that cannot be used.
    """
    path, columns = file.path, file.columns
    if task not in TASKS:
        raise UserError(f"unknown task. Received: {task!r}. Known: {', '.join(TASKS)}.")
    for key in ("X", "y"):
        if key not in columns:
            raise UserError(f"{path}: has no {key}. Received: keys {file.names() or 'none'}. Not a patch file.")
    pixels(columns["X"].shape, columns["X"].dtype, path)
    count = len(columns["X"])
    shape, dtype = columns["y"].shape, columns["y"].dtype
    if not shape or shape[0] != count:
        raise UserError(f"{path}: X and y differ in length. Received: X {columns['X'].shape}, y {shape}.")
    if dtype.kind not in "biuf":
        raise UserError(f"{path}: y must hold numbers. Received: {dtype}.")
    label_shape(shape, task, path)
    for key in [key for key in KEYS if key in columns]:
        if columns[key].shape != (count,):
            raise UserError(f"{path}: {key} must hold one string per patch ({count}). Received: {columns[key].shape}.")
        if columns[key].dtype.kind not in "SO":
            raise UserError(f"{path}: {key} must hold strings. Received: {columns[key].dtype}.")
    for key in [key for key in DETAILS if key in columns]:
        if columns[key].shape != (count,) or columns[key].dtype.kind not in DETAILS[key]:
            found = f"{columns[key].dtype} {columns[key].shape}"
            what = "string" if key == "source" else "number"
            raise UserError(f"{path}: {key} must hold one {what} per patch ({count}). Received: {found}.")
    check_room(sum(column.bytes for key, column in columns.items() if key != "X"), path)


def pixels(shape: tuple[int, ...], dtype: np.dtype, path: Path) -> None:
    """Checks shape and type of X.

    Raises:
        UserError: X is not uint8 [n > 0, side, side, 1 or 2] with a side of 16 or 32.
    """
    if dtype != np.uint8:
        hint = " Store the raw 0..255 values: scaling and mean are part of the model." if dtype.kind == "f" else ""
        raise UserError(f"{path}: X must be uint8. Received: {dtype}.{hint}")
    if len(shape) != 4:
        raise UserError(f"{path}: X must be [n, height, width, channels]. Received: {list(shape)}.")
    if shape[1] != shape[2] or shape[1] not in SIDES:
        raise UserError(f"{path}: patches must be 16x16 or 32x32. Received: {shape[1]}x{shape[2]}.")
    if shape[3] not in (1, 2):
        raise UserError(f"{path}: patches must have 1 channel (Y) or 2 (Y, U/V). Received: {shape[3]}.")
    if shape[0] == 0:
        raise UserError(f"{path}: is empty. Received: X {list(shape)}.")


def label_shape(shape: tuple[int, ...], task: str, path: Path) -> None:
    """Checks the shape of y.

    Raises:
        UserError: the labels belong to the other task or to no task.
    """
    other = {(3,): "detection", (): "classification", (1,): "classification"}.get(shape[1:])
    if other != task:
        hint = f" This is a {other} file." if other else ""
        wanted = "[n] or [n, 1]" if task == "classification" else "[n, 3] = [radius, center_x, center_y]"
        raise UserError(f"{path}: y of a {task} file must be {wanted}. Received: {list(shape)}.{hint}")


def labels(y: np.ndarray, task: str, path: Path) -> np.ndarray:
    """Checks labels of any number type and converts them to the format of `Patches.y`.

    Returns:
        float32 [n] or [n, 3].

    Raises:
        UserError: NaN, infinite, or out of range.
    """
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused below
        y = y.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(y).reshape(len(y), -1).all(axis=1))
    if len(bad):
        raise UserError(f"{path}: y is not finite. Received: {y[bad[0]]} at index {bad[0]} ({len(bad)} such labels).")
    if task == "classification":
        y = y.reshape(-1)
        bad = np.flatnonzero((y != 0) & (y != 1))
        if len(bad):
            raise UserError(f"{path}: y must be 0 or 1. Received: {y[bad[0]]:g} at index {bad[0]} ({len(bad)} such).")
        return y
    low, high = CENTRE_RANGE
    radius, centre = y[:, 0], y[:, 1:]
    bad = np.flatnonzero((radius <= 0) | (radius > RADIUS_MAX) | ((centre < low) | (centre > high)).any(axis=1))
    if len(bad):
        raise UserError(
            f"{path}: y must be [radius, center_x, center_y] in fractions of the patch, 0 < radius <= {RADIUS_MAX:g},"
            f" centre {low:g}..{high:g}. Received: {y[bad[0]].tolist()} at index {bad[0]} ({len(bad)} such labels)."
        )
    return y


def column_order(y: np.ndarray, path: Path) -> None:
    """Refuses detection labels whose radius is not in the first column.

    Balls lie around the middle of their patch, so both centres have a mean near 0.5 and vary; the radius is smaller
    (about 0.4 without a border) and varies less. A file is refused only if all of this clearly points to another
    column than the first, so that few labels, or an unusual but valid file, never cause an error.

    Raises:
        UserError: the labels look like [x, y, radius] or [x, radius, y].
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


def text(values: np.ndarray) -> np.ndarray:
    """Strings of an HDF5 file, of fixed or variable length, as a str array."""
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8", "replace")
    return np.array([value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values])
