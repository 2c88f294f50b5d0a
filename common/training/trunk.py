"""Builds the layers that both networks share, from raw pixels to features."""

from collections.abc import Sequence

import keras

LEAKY_RELU_SLOPE = 0.1  # explicit and the same for all layers, because library defaults differ (0.3, 0.2, 0.01)


def trunk(inputs, filters: Sequence[int], dense: int, regularize: bool, mean: Sequence[float]):
    """Builds the scaling, three blocks of a 3x3 convolution and pooling, one 2x2 convolution and one dense layer.

    The 3x3 convolutions pad with zeros and keep the size (`same`); the 2x2 convolution does not pad (`valid`). Pooling
    halves the size three times, so the 2x2 convolution sees 2x2 pixels for a 16x16 patch, and 4x4 for a 32x32 patch.

    Args:
        inputs: a keras.Input [n, side, side, channels] of raw values 0..255.
        filters, dense, regularize, mean: see the `build_model` function of each project.

    Returns:
        The symbolic features [n, dense].
    """
    offset = [-float(m) for m in mean]
    if len(offset) == 1:  # a plain number, because some programs that load the file do not accept a list
        (offset,) = offset
    x = keras.layers.Rescaling(1 / 255, offset, name="scale")(inputs)
    for block, count in enumerate(filters[:3], 1):
        x = _convolution(x, count, 3, "same", block)
        x = keras.layers.MaxPooling2D(2, name=f"pool{block}")(x)
    x = _convolution(x, filters[3], 2, "valid", 4)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(dense, kernel_initializer="he_normal", name="dense")(x)
    x = keras.layers.LeakyReLU(LEAKY_RELU_SLOPE, name="dense_activation")(x)
    return keras.layers.Dropout(0.2, name="dropout")(x) if regularize else x


def _convolution(x, filters: int, size: int, padding: str, number: int):
    # No bias, because the batch normalisation after it has its own.
    x = keras.layers.Conv2D(
        filters, size, padding=padding, use_bias=False, kernel_initializer="he_normal", name=f"conv{number}"
    )(x)
    x = keras.layers.BatchNormalization(momentum=0.99, name=f"norm{number}")(x)
    return keras.layers.LeakyReLU(LEAKY_RELU_SLOPE, name=f"activation{number}")(x)
