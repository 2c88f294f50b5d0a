"""Compares the counted costs with numbers computed by hand."""

import pytest

from classifier_cnn.model import build_model
from robot_export.cost import count_cost


@pytest.mark.parametrize(
    ("shape", "filters", "dense", "multiply_accumulates", "values"),
    [
        # multiply-accumulates: 256*9*1*4 + 64*9*4*4 + 16*9*4*8 + 4*8*8 + 8*32 + 32
        # most values at the same time: the first convolution has 16*16*1 inputs and 16*16*4 outputs
        ((16, 16, 1), (4, 4, 8, 8), 32, 9216 + 9216 + 4608 + 256 + 256 + 32, 256 + 1024),
        # multiply-accumulates: 1024*9*2*8 + 256*9*8*8 + 64*9*8*16 + 9*4*16*16 + 9*16*64 + 64
        # most values at the same time: the first pooling layer has 32*32*8 inputs and 16*16*8 outputs
        ((32, 32, 2), (8, 8, 16, 16), 64, 147456 + 147456 + 73728 + 9216 + 9216 + 64, 8192 + 2048),
    ],
)
def test_costs_computed_by_hand(shape, filters, dense, multiply_accumulates, values):
    model = build_model(shape, filters, dense, regularize=True, mean=[0.5] * shape[2])
    cost = count_cost(model)
    assert cost["multiply_accumulates"] == multiply_accumulates
    assert cost["parameters"] == model.count_params()
    assert cost["peak_activation_bytes"] == 4 * values
