"""Computes two kinds of convolution as matrix products, which are faster on a CPU; TensorFlow computes the others.

The results differ from those of TensorFlow's convolutions only by rounding; TensorFlow derives the gradients.
"""

import keras
import numpy as np
import tensorflow as tf

BANDED_AT_MOST = 96  # width x channels x filters; above this, the zeros in the band cost more than the product saves


def convolve(layer, x, first: bool):
    """Calls a Keras Conv2D during training, in the fastest way for its size.

    Args:
        layer: the layer, already built.
        x: float32 [n, height, width, channels].
        first: whether this is the first layer with weights. If not, TensorFlow is faster, because x needs a gradient.
    """
    plain = {"strides": (1, 1), "dilation_rate": (1, 1), "groups": 1, "data_format": "channels_last"}
    plain |= {"use_bias": False, "activation": keras.activations.linear}
    if any(getattr(layer, name) != value for name, value in plain.items()):
        return layer(x)
    _, height, width, channels = x.shape
    if layer.padding == "valid" and layer.kernel_size == (height, width):
        return whole(layer.kernel.value, x)
    narrow = first and width * channels * layer.filters <= BANDED_AT_MOST
    if narrow and layer.padding == "same" and layer.kernel_size == (3, 3):
        return banded(layer.kernel.value, x)
    return layer(x)


def whole(kernel, x):
    """Computes a convolution whose kernel covers the whole input, as a dense layer would."""
    size = np.prod(kernel.shape[:3])
    return tf.matmul(tf.reshape(x, [-1, size]), tf.reshape(kernel, [size, -1]))[:, tf.newaxis, tf.newaxis]


def banded(kernel, x):
    """Computes a padded 3x3 convolution: multiplies three rows of pixels by a matrix with one kernel per column."""
    _, height, width, channels = x.shape
    filters = kernel.shape[3]
    # Matrix[row, column in, channel, column out, filter] = kernel[row, column in - column out + 1, channel, filter].
    diagonals = np.stack([np.eye(width, k=1 - tap, dtype=np.float32) for tap in range(3)], -1)  # [in, out, tap]
    band = tf.einsum("iot,rtcf->ricof", diagonals, kernel)
    rows = tf.pad(tf.reshape(x, [-1, height, width * channels]), [[0, 0], [1, 1], [0, 0]])
    rows = tf.concat([rows[:, :-2], rows[:, 1:-1], rows[:, 2:]], -1)
    y = tf.matmul(
        tf.reshape(rows, [-1, 3 * width * channels]), tf.reshape(band, [3 * width * channels, width * filters])
    )
    return tf.reshape(y, [-1, height, width, filters])
