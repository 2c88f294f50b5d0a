"""Tests the weights in the C++ code: factors of tiles, padding with zeros, and literals that keep every bit."""

import re

import numpy as np

from robot_export.cpp.weights import array, literal, pad_inputs, pad_last, padded, tile_factors


def test_channels_are_padded_to_vectors_of_four_with_zeros():
    assert [padded(channels) for channels in (1, 4, 5, 8)] == [4, 4, 8, 8]
    values = np.arange(1, 31, dtype=np.float32).reshape(2, 3, 5)
    wide, tall = pad_last(values), pad_inputs(values)
    assert (wide.shape, tall.shape) == ((2, 3, 8), (2, 4, 5))
    np.testing.assert_array_equal(wide[..., :5], values)
    np.testing.assert_array_equal(tall[:, :3], values)
    assert not wide[..., 5:].any()
    assert not tall[:, 3:].any()


def test_the_factors_of_a_kernel():
    """Checks the formula G g G^T for a kernel with a single weight in the middle, and for one with equal weights."""
    middle = np.zeros((3, 3, 1, 1), np.float32)
    middle[1, 1] = 4
    factors = tile_factors(middle)
    assert factors.shape == (16, 1, 4)
    column = np.array([0, 0.5, -0.5, 0])
    np.testing.assert_array_equal(factors[:, 0, 0].reshape(4, 4), 4 * np.outer(column, column))
    equal = np.array([1, 1.5, 0.5, 1])
    np.testing.assert_array_equal(tile_factors(np.ones((3, 3, 1, 1)))[:, 0, 0].reshape(4, 4), np.outer(equal, equal))


def test_literals_keep_every_bit():
    values = np.random.default_rng(0).integers(0, 2**32, 3000, np.uint32).view(np.float32)
    values = np.concatenate([values[np.isfinite(values)], np.float32([0, -0.0, 1, -3, 1e10, 1e-45, 3.4e38])])
    texts = [literal(value) for value in values]
    assert all(re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?f", text) for text in texts)
    assert all("." in text or "e" in text for text in texts)  # 1f is not C++
    found = np.array([np.float32(text[:-1]) for text in texts])
    np.testing.assert_array_equal(found.view(np.uint32), values.view(np.uint32))


def test_an_array_has_all_values_in_order():
    text = array("numbers", np.arange(30), "std::int16_t")
    assert text.startswith("alignas(64) static const std::int16_t numbers[] = {")
    assert [int(word) for word in re.findall(r"\d+", text.split("= {")[1])] == list(range(30))
    assert "REPEAT(1.0f), REPEAT(2.5f)};" in array("two", np.array([1, 2.5]), macro="REPEAT")
