"""Finds a model's file and its threshold, using only the standard library, before TensorFlow loads."""

import os
import zipfile
from contextlib import suppress
from pathlib import Path

from common.atomic_files import read_json
from common.errors import UserError

FALLBACK_THRESHOLD = 0.5  # for classifiers that have no threshold of their own


def find_model(path: Path) -> Path:
    """Returns the .keras file for `path`: the path itself, or model.keras in the folder of a run.

    Raises:
        UserError: the file does not exist, or is not a .keras file.
    """
    file = path / "model.keras" if os.path.isdir(path) else path  # noqa: PTH112 - as below
    if not os.path.isfile(file):  # noqa: PTH113 - also False for a name that is too long
        what = "is not a plain file" if os.path.exists(file) else "does not exist"  # noqa: PTH110 - as above
        raise UserError(f"the model {what}. Received: {file}. Give a .keras file, or a run by its folder or name.")
    with suppress(OSError), file.open("rb") as opened:
        if opened.read(4) == b"\x89HDF":
            raise UserError(
                f"not a .keras file, but .h5: a model from an older Keras, or patches. Received: {file}. If it is a"
                " model you trust, convert it once: keras.models.load_model('old.h5', compile=False).save('new.keras')"
            )
    if not zipfile.is_zipfile(file):
        what = "a damaged one" if os.path.getsize(file) else "an empty one"  # noqa: PTH202 - as above
        raise UserError(
            f"not a .keras file, or {what}. Received: {file}. Choose a model that train.py saved. "
            "For exported files (.tflite, .onnx), use compare.py or predict.py."
        )
    return file


def read_threshold(model_file: Path, given: float | None) -> tuple[float, str]:
    """Returns the decision threshold, and a description of where it comes from.

    Raises:
        UserError: the model.json beside the model cannot be used.
    """
    if given is not None:
        return given, "from the command line"
    manifest = model_file.with_name("model.json")
    if model_file.name != "model.keras" or not os.path.lexists(manifest):
        return FALLBACK_THRESHOLD, "the default, because the model has none"
    try:
        told = read_json(manifest)
    except UserError as error:
        raise UserError(f"{error} Pass one with --threshold.") from None
    if str(told.get("project")).startswith("detector_"):
        raise UserError(
            f"{model_file}: not a classifier (one input, one score). Received: a detector; use the tools in "
            "detector_cnn_ball_radius_center."
        )
    value = told["threshold"].get("keras") if isinstance(told.get("threshold"), dict) else None
    if type(value) not in (int, float) or not 0 <= value <= 1.000001:
        raise UserError(
            f"{manifest}: the threshold is not a number from 0 to 1. Received: {str(value)[:80]}. "
            "Pass one with --threshold."
        )
    return float(value), f"shipped with the model ({manifest.name})"
