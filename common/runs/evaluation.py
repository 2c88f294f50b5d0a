"""Scores a saved model on patch files, in all projects: predictions, and one row per patch."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from common.atomic_files import replacing
from common.errors import UserError
from common.training import devices_and_seeds
from common.training.load_model import load_model
from common.training.predictor import make_predictor


def model_name(model_file: Path) -> str:
    """A model's name; that of its run if the file is just called `model.keras`."""
    return model_file.parent.resolve().name if model_file.stem == "model" else model_file.stem


def predict_file(model_file: Path, X, outputs: int):
    """A saved model's outputs for every patch: float32 [n, outputs] for X uint8 [n, height, width, channels].

    Raises:
        UserError: the model does not exist, is for other patches, or gives NaN or infinite outputs.
    """
    devices_and_seeds.find_gpus()
    answers = make_predictor(load_model(model_file, X.shape[1:], outputs))(X)
    if wrong := np.sum(~np.isfinite(answers).all(1)):
        raise UserError(f"{model_file}: the model's outputs are NaN or infinite. Received: {wrong} of {len(X)}.")
    return answers


def write_rows(path: Path, columns: Mapping[str, Sequence | None]) -> None:
    """Writes columns of equal length as CSV, replacing an earlier file in one step; columns that are None are left out.

    Floats get nine digits, enough to distinguish all float32 numbers.
    """
    columns = {
        name: [f"{value:.9g}" for value in values] if np.asarray(values).dtype.kind == "f" else values
        for name, values in columns.items()
        if values is not None
    }
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
