"""Checks the integers of an int16 network: no sum overflows, and no activation in the calibrated ranges is clamped."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from common.errors import UserError
from robot_export.cpp.int16_quantise import FRACTION, LIGHT, LIMIT, ONE, measure, quantise
from robot_export.cpp.int16_reference import predict
from robot_export.folded_network import fold

from ..models import patches, random_model
from .headers import MODELS, quantised


@pytest.mark.parametrize("name", MODELS)
def test_the_ranges_are_those_of_the_activations_in_keras(name):
    """The activations of a layer are the inputs of the next layer; the layer after conv4 is `flatten`."""
    model = random_model(7, **MODELS[name])
    X = patches(1, 40, model.input_shape[1:])
    inputs = [model.get_layer(layer).input for layer in ("conv2", "conv3", "conv4", "flatten", model.layers[-1].name)]
    inputs[-1] = next(layer for layer in reversed(model.layers) if isinstance(layer, keras.layers.Dense)).input
    wanted = [np.abs(values).max() for values in keras.Model(model.input, inputs)(X.astype(np.float32))]
    assert measure(fold(model), X) == pytest.approx(wanted, rel=1e-5)


def test_activations_up_to_a_quarter_above_the_range_are_not_clamped():
    network = fold(random_model(7))
    X = patches(1, 60, network.input_shape)
    ranges = np.array(measure(network, X))

    def clamped(factor):
        found = predict(quantise(network, ranges / factor), X).clamped
        return [count for count, _ in found.values()]

    assert clamped(1.2) == [0] * 5
    assert all(clamped(1.4))


def test_the_range_of_pixels_leaves_room_for_brightness():
    network = fold(random_model(7, channels=2))
    whole = quantised(network, patches(1, 30, network.input_shape))
    means = -255 * np.array(network.offset)
    np.testing.assert_allclose(whole.add, -means * 2**FRACTION, atol=0.5)
    assert whole.low == min(whole.add) - LIGHT * 2**FRACTION
    assert whole.high == min(LIMIT, max(whole.add) + (255 + LIGHT) * 2**FRACTION)
    assert -LIMIT < whole.low < whole.high < LIMIT


def test_the_factors_are_the_weights_in_the_units_of_a_layer():
    """Checks that the factors of the dense layer are its weights times a constant, and as large as int16 allows."""
    network = fold(random_model(7))
    whole = quantised(network, patches(1, 30, network.input_shape))
    hidden, weights = whole.layers[4], network.dense[0].weights
    ratio = hidden.factors[: len(weights)] / weights
    np.testing.assert_allclose(ratio[np.abs(weights) > 0.05], np.median(ratio), rtol=0.01)
    assert np.abs(hidden.factors).max() > ONE / 4  # as fine as int16 allows
    assert [layer.slope for layer in whole.layers] == [3277] * 5 + [None]  # 0.1 * 2^15


def test_a_bias_includes_one_half_so_that_the_shift_rounds_to_nearest():
    network = fold(random_model(7))
    dense = tuple(replace(layer, bias=np.zeros_like(layer.bias)) for layer in network.dense)
    *_, hidden, last = quantised(replace(network, dense=dense), patches(1, 30, network.input_shape)).layers
    assert set(hidden.bias) == {2 ** (hidden.shift - 1)}
    assert set(last.bias) == {0}  # the last layer's sums are not shifted


@pytest.mark.parametrize("kernel", ["trained", "corner", "equal"])
def test_ranges_that_are_too_small_for_the_weights_are_widened(kernel):
    """All values fit into their integer types, whether a single factor or the sum of all factors limits the range."""
    network = fold(random_model(7, channels=2))
    first, *others = network.convolutions
    if kernel != "trained":
        weights = np.full_like(first.weights, kernel == "equal")
        weights[0, 0] = 1
        network = replace(network, convolutions=(replace(first, weights=weights), *others))
    whole = quantise(network, np.array(measure(network, patches(1, 30, network.input_shape))) * 1e-6)
    assert whole.layers[0].bound < ONE
    for layer in whole.layers:
        assert np.abs(layer.factors).max() < ONE
        assert layer.bound < 2**31
    predict(whole, patches(2, 30, network.input_shape))  # the reference raises an error if a sum exceeds its bound


def test_the_bounds_are_reached_and_never_exceeded():
    """Inputs at their limits, with the signs that give the largest sum, reach the bound of a layer exactly."""
    for seed in range(8):
        network = fold(random_model(seed, channels=1 + seed % 2, head=("sigmoid", "linear")[seed % 2]))
        whole = quantised(network, patches(1, 30, network.input_shape))
        assert whole.layers[0].bound < ONE
        for layer in whole.layers:
            assert np.abs(layer.factors).max() < ONE
            assert layer.bound < 2**31
        hidden = whole.layers[4]
        signs = np.sign(hidden.factors) * LIMIT
        reached = np.abs((signs * hidden.factors).sum(axis=0) + np.abs(hidden.bias)).max()
        assert hidden.bound == reached
        rng = np.random.default_rng(seed)
        for _ in range(3):  # the reference raises an error if a sum exceeds its bound
            predict(whole, rng.choice([0, 255], (50, *network.input_shape)).astype(np.uint8), rng.uniform(-1, 1))
    assert 4 * LIMIT < ONE


def test_a_refused_network_is_reported_with_the_name_of_the_layer():
    network = fold(random_model(1))
    for offset in (-1.5, 0.25):
        with pytest.raises(UserError, match=rf"its mean is not in 0\.\.1. Received: \({offset},\)"):
            quantise(replace(network, offset=(offset,)), [1.0] * 5)
    head = network.dense[1]
    with pytest.raises(UserError, match="layer logit cannot be converted to int16"):
        quantise(replace(network, dense=(network.dense[0], replace(head, weights=head.weights * 1e30))), [1.0] * 5)
