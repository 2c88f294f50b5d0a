"""What scoring a model on patch files takes in every project: predictions, classes of brightness, one row per patch."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from common.atomic_files import replacing
from common.errors import UserError
from common.training import devices
from common.training.predict import make_predictor
from common.training.saved_model import load_model

# A patch of 16 pixels is as large as the smallest input of a network; a ball near the feet fills some 100.
SIDE_CLASSES = {
    "far, side below 16 px": 16,
    "side 16 to 32 px": 32,
    "side 32 to 64 px": 64,
    "near, side 64 px and more": np.inf,
}
BRIGHTNESS_CLASSES = {"dark, mean Y below 70": 70, "mean Y 70 to 140": 140, "bright, mean Y 140 and more": 256}


def model_name(model_file: Path) -> str:
    """A model's name: its run's if the file is just `model.keras`."""
    return model_file.parent.resolve().name if model_file.stem == "model" else model_file.stem


def predict_file(model_file: Path, X, outputs: int):
    """A saved model's outputs for every patch.

    Args:
        model_file: a .keras file.
        X: uint8 [n, height, width, channels].
        outputs: 1 for a classifier, 3 for a detector.

    Returns:
        float32 [n, outputs].

    Raises:
        UserError: no such model, not for such patches, or one that gives no numbers.
    """
    devices.find_gpus()
    answers = make_predictor(load_model(model_file, X.shape[1:], outputs))(X)
    if wrong := np.sum(~np.isfinite(answers).all(1)):
        raise UserError(f"{model_file}: the model's outputs are NaN or infinite. Received: {wrong} of {len(X)}.")
    return answers


def mean_brightness(X):
    """Mean of Y of each patch, float [n]; X uint8 [n, h, w, c] is read in blocks, as it may lie in a file."""
    return np.concatenate([X[start : start + 8192][..., 0].mean((1, 2)) for start in range(0, len(X), 8192)])


def brightness_class(mean_y):
    """The brightness class of each patch, str [n], by its mean of Y, [n]: dark ones are the first to fail."""
    edges = list(BRIGHTNESS_CLASSES.values())[:-1]
    return np.array(list(BRIGHTNESS_CLASSES))[np.digitize(mean_y, edges)]


def size_class(side):
    """The size class of each patch, str [n], by its side in camera pixels, [n]: far balls are the hard ones.

    None if no side is known; `side` None or NaN stands for an unknown one.
    """
    if side is None or np.isnan(side).all():
        return None
    edges = [upper for upper in SIDE_CLASSES.values() if upper < np.inf]
    classes = np.array(list(SIDE_CLASSES))[np.digitize(side, edges)]
    return np.where(np.isnan(side), "side unknown", classes)


def write_rows(path: Path, columns: Mapping[str, Sequence | None]) -> None:
    """Writes columns of equal length as CSV, replacing an earlier file in one step; those that are None are left out.

    Floats get nine digits, which tell every float32 apart.
    """
    columns = {name: values for name, values in columns.items() if values is not None}
    columns = {
        name: [f"{value:.9g}" for value in values] if np.asarray(values).dtype.kind == "f" else values
        for name, values in columns.items()
    }
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
