"""Fast convolutions have the same outputs and gradients as Keras's, and are used exactly where expected."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.training.fast_convolution import convolve

WHOLE = {"kernel_size": 2, "padding": "valid", "use_bias": False}
NARROW = {"kernel_size": 3, "padding": "same", "use_bias": False}
PRODUCTS = [
    (WHOLE | {"filters": 8}, (2, 2, 8)),
    (WHOLE | {"filters": 3, "kernel_size": (4, 2)}, (4, 2, 5)),
    (NARROW | {"filters": 4}, (16, 16, 1)),
    (NARROW | {"filters": 6}, (5, 16, 1)),
    (NARROW | {"filters": 2}, (16, 16, 2)),
    (NARROW | {"filters": 3}, (6, 4, 5)),
    (NARROW | {"filters": 1}, (1, 1, 1)),
]
PLAIN = [
    (NARROW | {"filters": 8}, (16, 16, 1)),
    (NARROW | {"filters": 4, "use_bias": True}, (16, 16, 1)),
    (NARROW | {"filters": 4, "activation": "relu"}, (16, 16, 1)),
    (NARROW | {"filters": 4, "strides": 2}, (16, 16, 1)),
    (NARROW | {"filters": 4, "dilation_rate": 2}, (16, 16, 1)),
    (NARROW | {"filters": 4, "groups": 2}, (8, 8, 2)),
    (NARROW | {"filters": 4, "kernel_size": 5}, (16, 16, 1)),
    (NARROW | {"filters": 4, "padding": "valid"}, (16, 16, 1)),
    (WHOLE | {"filters": 8, "use_bias": True}, (2, 2, 8)),
    (WHOLE | {"filters": 8, "padding": "same"}, (2, 2, 8)),
    (WHOLE | {"filters": 8}, (3, 3, 8)),
]


def answers(call, layer, x):
    """Returns the output, and the gradients of a loss that weights every output differently."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = call(x)
        weights = np.random.default_rng(2).normal(size=y.shape).astype(np.float32)
        loss = tf.reduce_sum(y * weights)
    return y, *tape.gradient(loss, [x, *(w.value for w in layer.trainable_variables)])


@pytest.mark.parametrize(("settings", "shape"), PRODUCTS + PLAIN)
def test_same_output_and_gradients_as_keras(settings, shape):
    keras.utils.set_random_seed(1)
    layer = keras.layers.Conv2D(**settings, bias_initializer="normal")
    layer.build((None, *shape))
    x = tf.constant(np.random.default_rng(0).normal(size=(7, *shape)).astype(np.float32))
    ours = answers(lambda x: convolve(layer, x, first=True), layer, x)
    for found, expected in zip(ours, answers(layer, layer, x), strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "shape", "product"), [(*p, True) for p in PRODUCTS] + [(*p, False) for p in PLAIN]
)
def test_matrix_products_are_used_exactly_where_they_are_faster(settings, shape, product):
    layer = keras.layers.Conv2D(**settings)
    layer.build((None, *shape))
    spec, banded = tf.TensorSpec((None, *shape)), layer.padding == "same"
    for first, expected in ((True, product), (False, product and not banded)):
        traced = tf.function(lambda x, first=first: convolve(layer, x, first)).get_concrete_function(spec)
        assert ("MatMul" in {operation.type for operation in traced.graph.get_operations()}) == expected
