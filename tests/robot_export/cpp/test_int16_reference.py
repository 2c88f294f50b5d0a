"""Checks that the int16 reference is close to the float network, and tests brightness, clamping and sigmoid."""

from dataclasses import replace

import numpy as np
import pytest

from robot_export.cpp.compile_and_run import Program
from robot_export.cpp.int16_reference import answer, light, predict
from robot_export.folded_network import fold

from ..models import patches, random_model
from .headers import COMPILER, MODELS, check_bits, quantised, write_int16
from .reference import forward


@pytest.mark.parametrize("name", MODELS)
def test_the_outputs_are_close_to_those_in_float(name):
    network = fold(random_model(7, **MODELS[name]))
    X = patches(1, 60, network.input_shape)
    wanted = forward(network, X)
    difference = np.abs(predict(quantised(network, X[::2]), X).outputs - wanted)
    assert difference.max() < 2e-3 * np.ptp(wanted)


def test_many_patches_at_once_give_the_same_result_as_in_parts():
    network = fold(random_model(7))
    X = patches(1, 300, network.input_shape)  # more patches than the reference computes at once
    whole = quantised(network, X[:30])
    every, parts = predict(whole, X), [predict(whole, X[start : start + 100]) for start in (0, 100, 200)]
    np.testing.assert_array_equal(every.outputs, np.concatenate([part.outputs for part in parts]))
    for name, counts in every.clamped.items():
        assert counts == np.sum([part.clamped[name] for part in parts], axis=0).tolist()


def test_floats_are_rounded_to_a_thirty_second_of_a_grey_level_and_clamped():
    whole = quantised(fold(random_model(7)), patches(1, 30, (16, 16, 1)))
    X = np.float32(patches(2, 20, (16, 16, 1)))

    def outputs(values):
        return predict(whole, values).outputs

    np.testing.assert_array_equal(outputs(X), outputs(X.astype(np.uint8)))
    np.testing.assert_array_equal(outputs(X + np.float32(0.015)), outputs(X))
    assert np.any(outputs(X + np.float32(1 / 64)) != outputs(X))  # a tie goes up
    np.testing.assert_array_equal(outputs(np.full_like(X, np.nan)), outputs(np.full_like(X, -1e30)))
    np.testing.assert_array_equal(outputs(np.full_like(X, 1e30)), outputs(np.full_like(X, 400)))


def test_brightness_shifts_y_and_leaves_colour_alone():
    whole = quantised(fold(random_model(7, channels=2)), patches(1, 30, (16, 16, 2)))
    X = patches(2, 30, (16, 16, 2)) // 2
    brighter = X + np.array([51, 0], np.uint8)
    np.testing.assert_array_equal(predict(whole, X, 0.2).outputs, predict(whole, brighter).outputs)


def test_a_sum_beyond_its_bound_is_an_error():
    whole = quantised(fold(random_model(7)), patches(1, 30, (16, 16, 1)))
    tight = replace(whole.layers[3], bound=10.0)
    with pytest.raises(ArithmeticError, match="layer conv4: a sum is larger than its bound"):
        predict(replace(whole, layers=(*whole.layers[:3], tight, *whole.layers[4:])), patches(2, 5, (16, 16, 1)))


def test_values_beyond_calibration_are_clamped_and_counted(tmp_path):
    network = fold(random_model(7))
    gray = np.full((4, 16, 16, 1), 110, np.uint8) + np.arange(4, dtype=np.uint8)[:, None, None, None]
    X = patches(1, 40, network.input_shape)
    path, whole = write_int16(tmp_path, network, X, gray)
    counts = predict(whole, X).clamped
    assert counts["conv1"][0] > 0
    assert counts["conv1"][1] == 40 * 8 * 8 * 4
    assert sum(count for count, _ in predict(whole, gray).clamped.values()) == 0
    if COMPILER:
        check_bits(Program(path, tmp_path, COMPILER, ("-O2",)), whole, X, ["bytes"])


def test_the_probability_is_the_sigmoid():
    whole = quantised(fold(random_model(1)), patches(1, 10, (16, 16, 1)))
    whole = replace(whole, layers=(*whole.layers[:-1], replace(whole.layers[-1], shift=20)))
    sums = np.concatenate([np.arange(-(2**31) + 1, 2**31, 12_345_677), [0, 1, -1, 2**31 - 1]])[:, None]
    exact = 1 / (1 + np.exp2(np.minimum(-sums / 2.0**20, 1000)))
    np.testing.assert_allclose(answer(whole, sums), exact, rtol=3e-7, atol=1e-30)
    assert np.all(np.diff(answer(whole, np.arange(-(2**23), 2**23, 4096)[:, None])[:, 0]) >= 0)


def test_brightness_is_a_fraction_of_the_full_range():
    assert [light(value) for value in (0, 1, -1, 0.5, 100, float("nan"))] == [0, 8160, -8160, 4080, 32640, -32640]
