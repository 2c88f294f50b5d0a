"""Checks that the compiled float layers compute the same outputs as Keras in every function of the header."""

import numpy as np
import pytest

from robot_export.cpp.compile_and_run import Program
from robot_export.cpp.float_layers import layers, weights
from robot_export.folded_network import fold

from ..models import patches, random_model
from .builds import FEW
from .headers import COMPILER, MODELS, MODES, needs_compiler, write_float
from .reference import forward


@pytest.fixture(scope="module")
def member(request):
    model = random_model(7, **MODELS[request.param])
    X = patches(1, 60, model.input_shape[1:])
    return fold(model), X, model(X.astype(np.float32)).numpy()


@pytest.mark.parametrize(
    ("member", "build"),
    [(name, build) for name, builds in FEW.items() for build in builds],
    ids=str,
    indirect=["member"],
)
def test_every_function_gives_the_same_outputs_as_keras(tmp_path, member, build):
    build.require()
    network, X, answers = member
    program = Program(write_float(tmp_path, network, X[:8], threshold=0.5), tmp_path, build.compiler, build.flags)
    assert np.ptp(answers) > 0.1
    assert program.self_test() < 1e-5
    for mode in MODES:
        np.testing.assert_allclose(program.predict(X, mode), answers, atol=1e-5, rtol=1e-5, err_msg=mode)
    brighter = X + np.array([25.5] + [0] * (X.shape[-1] - 1))  # only Y becomes brighter
    np.testing.assert_allclose(program.predict(X, "bright"), forward(network, brighter), atol=1e-5, rtol=1e-5)


@needs_compiler
@pytest.mark.parametrize("flags", [("-O1", "-march=native"), ("-O1",)], ids=str)
def test_the_smallest_network(tmp_path, flags):
    """Each layer has one filter, so all lanes except the first are padding."""
    network = fold(random_model(3, filters=(1, 1, 1, 1), dense=1))
    X = patches(1, 30, network.input_shape)
    program = Program(write_float(tmp_path, network, X[:8]), tmp_path, COMPILER, flags)
    np.testing.assert_allclose(program.predict(X), forward(network, X), atol=1e-5)


def test_only_a_classifier_ends_with_a_sigmoid():
    assert "std::exp(-sums[0])" in layers(fold(random_model(1)))
    detector = layers(fold(random_model(1, head="linear")))
    assert "exp" not in detector
    assert "const float out[] = {sums[0], sums[1], sums[2]};" in detector


def test_the_header_has_the_weights_of_every_layer():
    network = fold(random_model(1))
    text = weights(network)
    for number in range(1, 7):
        assert f" factors{number}[] = " in text
        assert f" bias{number}[] = " in text
    assert f"shift[] = {{\n  {np.float32(network.shift[0]):.9g}f}}" in text
