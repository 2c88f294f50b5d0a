"""Tests the detector's network: shapes, number of weights, and initial outputs."""

import keras
import numpy as np
import pytest

from detector_cnn_ball_radius_center.model import build_model


@pytest.mark.parametrize(("side", "channels"), [(16, 1), (16, 2), (32, 1), (32, 2)])
def test_shapes(side, channels):
    model = build_model((side, side, channels), (2, 2, 3, 3), 4, mean=(0.5,) * channels)
    assert model(np.zeros((5, side, side, channels), np.float32)).shape == (5, 3)


def test_number_of_weights():
    """The classifier has 4,169 weights; three outputs instead of one need 2 * (64 + 1) more weights."""
    assert build_model((16, 16, 1), (8, 8, 16, 16), 64).count_params() == 4169 + 2 * 65 == 4299


def test_initial_outputs_are_near_the_mean_circle():
    keras.utils.set_random_seed(1)
    model = build_model((16, 16, 1), (8, 8, 16, 16), 64, mean_circle=(0.3, 0.45, 0.55))
    np.testing.assert_allclose(model.get_layer("circle").bias.value, [0.3, 0.45, 0.55], rtol=1e-6)
