"""Scores a saved model of any project on patch files: makes predictions, and writes one row per patch."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from common.atomic_files import replacing
from common.errors import UserError
from common.training.load_model import load_model
from common.training.predictor import make_predictor


def model_name(model_file: Path) -> str:
    """Returns a model's name: the run folder's name if the file is called `model.keras`, otherwise the file's name."""
    return model_file.parent.resolve().name if model_file.stem == "model" else model_file.stem


def load_predictor(model_file: Path, input_shape: tuple[int, int, int], outputs: int) -> Callable:
    """Loads a model and returns a function that predicts: X uint8 [n, height, width, channels] -> float32 [n, outputs].

    Raises:
        UserError: the model is missing or has the wrong shapes, or (in the returned function) an output is not finite.
    """
    predict = make_predictor(load_model(model_file, input_shape, outputs))

    def checked(X: np.ndarray) -> np.ndarray:
        answers = predict(X)
        if wrong := np.sum(~np.isfinite(answers).all(1)):
            raise UserError(f"{model_file}: the model's outputs are NaN or infinite. Received: {wrong} of {len(X)}.")
        return answers

    return checked


def write_rows(path: Path, columns: Mapping[str, Sequence | None]) -> None:
    """Writes columns of equal length as CSV, replacing an earlier file in one step; columns that are None are left out.

    Floats are written with nine digits, enough to distinguish all float32 numbers.
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
