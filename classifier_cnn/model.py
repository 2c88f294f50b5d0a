"""Builds the classifier's network: the shared layers (common/training/trunk.py), then the probability of a ball."""

from collections.abc import Sequence

import keras

from common.training.trunk import trunk


def build_model(
    input_shape: tuple[int, int, int],
    filters: Sequence[int],
    dense: int,
    regularize: bool = True,
    mean: Sequence[float] = (0.5,),
):
    """Builds the uncompiled classifier.

    Args:
        input_shape: (side, side, channels) with a side of 16 or 32 pixels and 1 or 2 channels.
        filters: output channels of the four convolutions.
        dense: units of the hidden dense layer.
        regularize: add dropout before the output.
        mean: mean of the training pixels of each channel, as a fraction of the full range.

    Returns:
        A functional keras.Model: [n, height, width, channels] of raw pixels in 0..255 -> [n, 1] probability of a ball.
    """
    inputs = keras.Input(input_shape, name="patch")
    x = trunk(inputs, filters, dense, regularize, mean)
    x = keras.layers.Dense(1, name="logit")(x)
    outputs = keras.layers.Activation("sigmoid", name="ball")(x)
    return keras.Model(inputs, outputs, name="classifier_cnn")
