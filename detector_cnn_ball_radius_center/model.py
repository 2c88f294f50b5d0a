"""Builds the detector's network: the shared layers (common/training/trunk.py), then the ball's circle.

A circle is [radius, center_x, center_y] in fractions of the patch; the origin is its top left corner.
"""

from collections.abc import Sequence

import keras

from common.training.trunk import trunk


def build_model(
    input_shape: tuple[int, int, int],
    filters: Sequence[int],
    dense: int,
    regularize: bool = True,
    mean: Sequence[float] = (0.5,),
    mean_circle: Sequence[float] = (0.4, 0.5, 0.5),
):
    """Builds the uncompiled detector.

    Args:
        input_shape: (side, side, channels) with a side of 16 or 32 pixels and 1 or 2 channels.
        filters: output channels of the four convolutions.
        dense: units of the hidden dense layer.
        regularize: add dropout before the output.
        mean: mean of the training pixels per channel, as a fraction of the full range (0..1).
        mean_circle: mean of the training circles. The untrained network predicts this circle; otherwise, it would
            only learn the mean in the first epochs.

    Returns:
        A functional keras.Model: [n, height, width, channels] of raw pixels 0..255 -> [n, 3] circles.
    """
    inputs = keras.Input(input_shape, name="patch")
    x = trunk(inputs, filters, dense, regularize, mean)
    start = keras.initializers.Constant([float(value) for value in mean_circle])
    outputs = keras.layers.Dense(3, bias_initializer=start, name="circle")(x)
    return keras.Model(inputs, outputs, name="detector_cnn_ball_radius_center")
