"""Loads trained models, and raises one clear error for any other file."""

from pathlib import Path

from common.errors import UserError
from common.training import safe_keras_file
from common.training.find_model import find_model


def load_model(path: Path, input_shape: tuple[int, int, int], outputs: int):
    """Loads a model and checks its input (height, width, channels) and outputs: 1 for a classifier, 3 for a detector.

    Raises:
        UserError: the model cannot be loaded, belongs to the other project, or needs patches of another size or colour.
    """
    model = safe_keras_file.load(path)
    if isinstance(model.input_shape, list) or tuple(model.output_shape) != (None, outputs):
        kind = {1: "a classifier (one input, one score)", 3: "a detector (one input; radius, x and y)"}[outputs]
        given = {1: "a classifier", 3: "a detector"}.get(model.output_shape[-1] if model.output_shape else None)
        other = {1: "classifier_cnn", 3: "detector_cnn_ball_radius_center"}
        hint = f"{given}; use the tools in {other[model.output_shape[-1]]}" if given else "another network"
        raise UserError(f"{path}: not {kind}. Received: {hint} ({model.input_shape} to {model.output_shape}).")
    if tuple(model.input_shape[1:]) != tuple(input_shape):
        wanted, given = ("x".join(map(str, shape)) for shape in (model.input_shape[1:], input_shape))
        raise UserError(
            f"the model takes {wanted} patches (height x width x channels), but those in the files differ. "
            f"Received: {given}. Use files of the model's size and colour."
        )
    return model


def load_initial(path: Path, input_shape: tuple[int, int, int], outputs: int, regularize: bool):
    """Loads one of our models to train it further, with its network, weights and mean.

    Returns:
        The keras.Model, and the options with which its network was built.

    Raises:
        UserError: as in `load_model`, or the architecture differs, or `regularize` is set but the model has no dropout.
    """
    model = load_model(find_model(path), input_shape, outputs)
    try:
        filters = tuple(model.get_layer(f"conv{number}").filters for number in (1, 2, 3, 4))
        dense = model.get_layer("dense").units
    except ValueError:
        raise UserError(f"--init needs a model with this project's network. Received: {path}.") from None
    dropout = any(type(layer).__name__ == "Dropout" for layer in model.layers)
    if regularize and not dropout:
        raise UserError(
            f"--regularize needs dropout, but the model of --init has none. Received: {path}. Drop --regularize."
        )
    return model, {"filters": filters, "dense": dense, "regularize": dropout}
