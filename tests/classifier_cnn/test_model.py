"""Tests the network's shapes, number of weights and layers."""

import keras
import numpy as np
import pytest

from classifier_cnn.model import build_model
from common.training.trunk import LEAKY_RELU_SLOPE


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("side", [16, 32])
def test_shapes(side, channels):
    model = build_model((side, side, channels), (2, 2, 3, 3), 4)
    flat = model.get_layer("flatten").output.shape[-1]
    assert flat == {16: 1, 32: 9}[side] * 3
    scores = model(np.random.default_rng(0).integers(0, 256, (5, side, side, channels)).astype(np.float32))
    assert scores.shape == (5, 1)
    assert np.all((scores.numpy() > 0) & (scores.numpy() < 1))


def test_the_network_has_the_number_of_weights_counted_by_hand():
    """Convolutions have no biases, normalisation has two learned weights per channel, and dense layers have biases."""
    kernels = 9 * 1 * 8 + 9 * 8 * 8 + 9 * 8 * 16 + 4 * 16 * 16
    expected = kernels + 2 * (8 + 8 + 16 + 16) + (16 * 64 + 64) + (64 + 1)
    model = build_model((16, 16, 1), (8, 8, 16, 16), 64)
    assert sum(w.numpy().size for w in model.trainable_variables) == expected
    assert expected + 2 * (8 + 8 + 16 + 16) == model.count_params() == 4169  # including the moving statistics


def test_scale_and_mean_are_inside_the_network():
    """The first layer computes exactly what the robot's code does for each channel: value / 255 - mean."""
    x = np.random.default_rng(1).integers(0, 256, (3, 16, 16, 2)).astype(np.float32)
    model = build_model((16, 16, 2), (2, 2, 3, 3), 4, mean=(0.4, 0.55))
    scaled = keras.Model(model.input, model.get_layer("scale").output)(x)
    np.testing.assert_allclose(scaled, x / 255 - np.float32([0.4, 0.55]), atol=1e-6)


# When saving, Keras itself passes its variables to NumPy 2 in a deprecated way.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_mean_survives_saving(tmp_path):
    model = build_model((16, 16, 1), (2, 2, 3, 3), 4, mean=np.array([0.3847]))
    model.save(tmp_path / "model.keras")
    x = np.full((1, 16, 16, 1), 77, np.float32)
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(x), model(x))


@pytest.mark.parametrize("regularize", [True, False])
def test_dropout_only_with_regularisation(regularize):
    layers = [
        layer
        for layer in build_model((16, 16, 1), (8, 8, 16, 16), 64, regularize=regularize).layers
        if "Dropout" in type(layer).__name__
    ]
    assert [layer.name for layer in layers] == (["dropout"] if regularize else [])
    assert all(layer.rate > 0 for layer in layers)


def test_all_layers_have_the_same_slope():
    model = build_model((16, 16, 1), (8, 8, 16, 16), 64)
    slopes = [layer.negative_slope for layer in model.layers if isinstance(layer, keras.layers.LeakyReLU)]
    assert slopes == [LEAKY_RELU_SLOPE] * 5


def test_the_offset_of_one_channel_is_a_plain_number():
    """Programs in other languages can load a .keras file only if the offset of its Rescaling layer is not a list."""
    assert np.ndim(build_model((16, 16, 1), (8, 8, 16, 16), 64).get_layer("scale").offset) == 0
    assert np.ndim(build_model((16, 16, 2), (8, 8, 16, 16), 64, mean=(0.4, 0.5)).get_layer("scale").offset) == 1


def test_the_blocks_are_in_order():
    kinds = [type(layer).__name__ for layer in build_model((16, 16, 1), (8, 8, 16, 16), 64).layers]
    block = ["Conv2D", "BatchNormalization", "LeakyReLU"]
    head = ["Flatten", "Dense", "LeakyReLU", "Dropout", "Dense", "Activation"]
    assert kinds == ["InputLayer", "Rescaling", *[*block, "MaxPooling2D"] * 3, *block, *head]
