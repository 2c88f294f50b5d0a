"""Checks that the folded network gives the same outputs as Keras, and that unsupported layers are refused by name."""

import keras
import numpy as np
import pytest

from common.errors import UserError
from robot_export.cpp.float_header import describe
from robot_export.folded_network import fold

from .cpp.reference import forward
from .models import patches, random_model


@pytest.mark.parametrize("head", ["sigmoid", "linear"])
@pytest.mark.parametrize(
    ("side", "channels", "regularize"), [(16, 1, True), (16, 2, False), (32, 1, True), (32, 2, True)]
)
def test_computes_the_same_as_keras(side, channels, regularize, head):
    model = random_model(side + channels, side, channels, (3, 4, 5, 6), 7, head, regularize)
    X = patches(1, 40, model.input_shape[1:])
    answers = forward(fold(model), X)
    assert np.ptp(answers) > 0.01
    np.testing.assert_allclose(answers, model(X.astype(np.float32)).numpy(), atol=2e-6)


def test_the_folded_network_is_complete_and_read_only():
    model = random_model(2)
    network = fold(model)
    assert [layer.name for layer in network.convolutions] == ["conv1", "conv2", "conv3", "conv4"]
    assert [(layer.padding, layer.pool, layer.slope) for layer in network.convolutions] == [
        *[("same", 2, 0.1)] * 3,
        ("valid", 1, 0.1),
    ]
    assert [layer.slope for layer in network.dense] == [0.1, None]
    assert (network.head, network.outputs, network.input_shape) == ("sigmoid", 1, (16, 16, 1))
    with pytest.raises(ValueError, match="read-only"):
        network.dense[0].weights[0, 0] = 1
    assert describe(network) == (
        "16x16x1: conv 3x3x4 pool 2, conv 3x3x4 pool 2, conv 3x3x8 pool 2, conv 2x2x8, dense 32, dense 1, sigmoid"
    )


def test_models_that_were_saved_or_cloned(tmp_path):
    """Folds a cloned model, as training does for averaged weights, and a model from a file, as --init does."""
    model = random_model(3)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    model.save(tmp_path / "model.keras")
    for other in (clone, keras.models.load_model(tmp_path / "model.keras")):
        np.testing.assert_array_equal(fold(other).convolutions[2].weights, fold(model).convolutions[2].weights)


def stack(*layers, shape=(16, 16, 1)):
    return keras.Sequential([keras.Input(shape), keras.layers.Rescaling(1 / 255, name="scale"), *layers])


def conv(**settings):
    return keras.layers.Conv2D(2, 3, name="conv", **settings)


def tail():
    return keras.layers.Flatten(), keras.layers.Dense(1, name="out")


REFUSED = {
    "conv (Conv2D)": lambda: stack(conv(strides=2), *tail()),
    "conv (Conv2D) ": lambda: stack(conv(dilation_rate=2), *tail()),
    "conv (Conv2D)  ": lambda: stack(conv(activation="relu"), *tail()),
    "gelu (Activation)": lambda: stack(conv(), keras.layers.Activation("gelu", name="gelu"), *tail()),
    "average (AveragePooling2D)": lambda: stack(conv(), keras.layers.AveragePooling2D(2, name="average"), *tail()),
    "pool (MaxPooling2D)": lambda: stack(conv(), keras.layers.MaxPooling2D(3, name="pool"), *tail()),
    "late (BatchNormalization)": lambda: stack(
        conv(), keras.layers.LeakyReLU(), keras.layers.BatchNormalization(name="late"), *tail()
    ),
    "rows (BatchNormalization)": lambda: stack(conv(), keras.layers.BatchNormalization(1, name="rows"), *tail()),
    "steep (LeakyReLU)": lambda: stack(conv(), keras.layers.LeakyReLU(1.5, name="steep"), *tail()),
    "softmax (Softmax)": lambda: stack(conv(), *tail(), keras.layers.Softmax(name="softmax")),
    "tanh (Activation)": lambda: stack(conv(), *tail(), keras.layers.Activation("tanh", name="tanh")),
    "inner (Sequential)": lambda: stack(keras.Sequential([conv()], name="inner"), *tail()),
}


@pytest.mark.parametrize("layer", REFUSED)
def test_unsupported_layers_are_refused_with_their_names(layer):
    with pytest.raises(UserError) as refused:
        fold(REFUSED[layer]())
    assert str(refused.value).startswith(f"layer {layer.strip()} cannot be exported: ")
    assert "\n" not in str(refused.value)


def test_branches_are_refused_with_the_name_of_the_layer():
    inputs = keras.Input((16, 16, 1))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Add(name="sum")([x, keras.layers.Conv2D(1, 3, padding="same")(x)])
    with pytest.raises(UserError, match=r"layer sum \(Add\) .* branches"):
        fold(keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(x))))


def test_a_network_without_its_scale_or_its_last_layers_is_refused():
    with pytest.raises(UserError, match=r"layer conv \(Conv2D\) .* Rescaling is expected there"):
        fold(keras.Sequential([keras.Input((16, 16, 1)), conv(), *tail()]))
    with pytest.raises(UserError, match="it ends where Flatten is expected"):
        fold(stack(conv()))


@pytest.mark.parametrize("name", ["conv2", "norm3", "dense", "logit"])
def test_weights_that_are_not_finite_are_refused(name):
    model = random_model(4)
    layer = model.get_layer(name)
    layer.set_weights([np.where(np.arange(w.size).reshape(w.shape) == 1, np.nan, w) for w in layer.get_weights()])
    with pytest.raises(UserError, match=rf"layer {name} .* not finite"):
        fold(model)
