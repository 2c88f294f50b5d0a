"""Writes headers of random networks in float and in int16, and lists the functions that the tests call."""

import numpy as np
import pytest

from robot_export.cpp.compile_and_run import Program, find_compiler
from robot_export.cpp.float_header import About
from robot_export.cpp.float_header import write as write_header
from robot_export.cpp.int16_header import text
from robot_export.cpp.int16_quantise import Int16Network, measure, quantise
from robot_export.cpp.int16_reference import predict
from robot_export.folded_network import FoldedNetwork

from .reference import forward

COMPILER = find_compiler()
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler (c++, g++ or clang++) on this machine")
MODES = ("bytes", "floats", "columns", "columns_of_floats", "wide", "apart", "many")
MODELS = {
    "classifier": {"head": "sigmoid", "filters": (4, 4, 8, 8), "dense": 32},
    "detector": {"head": "linear", "filters": (5, 8, 9, 3), "dense": 10, "channels": 2, "side": 32},
}


def write_float(folder, network: FoldedNetwork, X, **settings):
    """Writes a float header whose test vectors are these patches; returns its path."""
    path = folder / "model.h"
    write_header(path, network, About("ball_test", X, forward(network, X), **settings))
    return path


def write_int16(folder, network: FoldedNetwork, X, calibration=None):
    """Writes an int16 header; returns its path and the quantised network. By default, `calibration` is half of X."""
    whole, path = quantised(network, X[::2] if calibration is None else calibration), folder / "model_int16.h"
    path.write_text(text(network, whole, int16_about("ball_test", X, 0.5)))
    return path, whole


def int16_about(name: str, X, threshold: float | None) -> About:
    """Describes an int16 header. The expected outputs are zeros, because `text` replaces them."""
    return About(name, X[:8], np.zeros((8, 1)), threshold)


def quantised(network: FoldedNetwork, X) -> Int16Network:
    """Quantises a network to int16; the ranges of its activations are measured on these patches."""
    return quantise(network, measure(network, X))


def check_bits(program: Program, whole: Int16Network, X, modes=MODES) -> None:
    """Checks that every function of an int16 header returns the same bits as the reference."""
    assert program.self_test() == 0
    wanted = predict(whole, X).outputs
    for mode in modes:
        np.testing.assert_array_equal(program.predict(X, mode), wanted, err_msg=mode)
    np.testing.assert_array_equal(program.predict(X, "bright"), predict(whole, X, 0.1).outputs)
