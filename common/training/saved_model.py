"""Loading a trained model again, with one clear line for everything that is not one."""

import json
import math
import zipfile
from pathlib import Path

from common.errors import UserError
from common.training import keras_file

FALLBACK_THRESHOLD = 0.5  # for a classifier that ships none


def find_model(path: Path) -> Path:
    """The .keras file that `path` means: itself, or model.keras in the folder of a run.

    Raises:
        UserError: there is none, or it is not a .keras file.
    """
    file = path / "model.keras" if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"there is no model. Received: {file}. Name a .keras file or the folder of a run.")
    if _starts_with(file, b"\x89HDF"):
        raise UserError(
            f"not a .keras file, but .h5: an .h5 model of an older Keras, or patches. Received: {file}. If it is a "
            "model that you trust, convert it once: keras.models.load_model('old.h5', compile=False).save('new.keras')"
        )
    if not zipfile.is_zipfile(file):
        raise UserError(f"not a .keras file, or a damaged one. Received: {file}. Name a model that train.py saved.")
    return file


def _starts_with(file: Path, signature: bytes) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(signature)) == signature
    except OSError:
        return False


def read_threshold(model_file: Path, given: float | None) -> tuple[float, str]:
    """The threshold to judge by, and in words where it comes from.

    Raises:
        UserError: model.json lies beside the model and cannot be used.
    """
    if given is not None:
        return given, "from the command line"
    contract = model_file.with_name("model.json")
    if model_file.name != "model.keras" or not contract.is_file():
        return FALLBACK_THRESHOLD, "a plain default, the model ships none"
    try:
        value = json.loads(contract.read_text(encoding="utf-8"))["threshold"]["keras"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{contract}: no threshold can be read ({error!r}). Give one with --threshold.") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"{contract}: the threshold is not a number. Received: {value!r}. Give one with --threshold.")
    return float(value), f"shipped with the model ({contract.name})"


def load_model(path: Path, input_shape: tuple[int, int, int], outputs: int):
    """Loads a model and checks that it takes such patches and gives so many numbers.

    Args:
        path: a .keras file.
        input_shape: (height, width, channels) of the patches.
        outputs: 1 for a classifier, 3 for a detector.

    Raises:
        UserError: not loadable, of the other project, or made for other patches.
    """
    model = keras_file.load(path)
    if isinstance(model.input_shape, list) or tuple(model.output_shape) != (None, outputs):
        kind = {1: "a classifier (one input, one score)", 3: "a detector (one input; radius, x and y)"}[outputs]
        raise UserError(f"{path}: not {kind}. Received: {model.input_shape} to {model.output_shape}.")
    if tuple(model.input_shape[1:]) != tuple(input_shape):
        wanted, given = ("x".join(map(str, shape)) for shape in (model.input_shape[1:], input_shape))
        raise UserError(
            f"the model takes {wanted} patches (height x width x channels), the files hold others. Received: {given}. "
            "Use files of the model's size and colour."
        )
    return model


def load_initial(path: Path, input_shape: tuple[int, int, int], outputs: int, regularize: bool):
    """Loads a model of ours to go on training it: its network, weights and mean stay as they are.

    Returns:
        The keras.Model, and the options that its network was built with.

    Raises:
        UserError: as `load_model`, a network of another build, or no dropout in it where `regularize` asks for one.
    """
    model = load_model(find_model(path), input_shape, outputs)
    try:
        filters = tuple(model.get_layer(f"conv{number}").filters for number in (1, 2, 3, 4))
        dense = model.get_layer("dense").units
    except ValueError:
        raise UserError(f"--init takes a model of this project's network. Received: {path}.") from None
    dropout = any(type(layer).__name__ == "Dropout" for layer in model.layers)
    if regularize and not dropout:
        raise UserError(f"--regularize beside --init, whose model has no dropout. Received: {path}. Leave it out.")
    return model, {"filters": filters, "dense": dense, "regularize": dropout}
