"""The generated C++ computes the same as Keras, unsupported networks are refused, and wrong builds are detected."""

from dataclasses import replace

import numpy as np
import pytest

from common.errors import UserError
from robot_export.cpp.compile_and_run import Program, find_compiler
from robot_export.cpp.float_header import About, identifier, quoted
from robot_export.cpp.float_header import write as write_header
from robot_export.folded_network import fold

from ..models import patches, random_model
from .builds import FEW
from .reference import forward

COMPILER = find_compiler()
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler (c++, g++ or clang++) on this machine")
MODES = ("bytes", "floats", "columns", "columns_of_floats", "wide", "apart", "many")
MODELS = {
    "classifier": {"head": "sigmoid", "filters": (4, 4, 8, 8), "dense": 32},
    "detector": {"head": "linear", "filters": (5, 8, 9, 3), "dense": 10, "channels": 2, "side": 32},
}


def write(folder, network, X=None, **settings):
    X = patches(8, 8, network.input_shape) if X is None else X
    path = folder / "model.h"
    write_header(path, network, About("ball_test", X, forward(network, X), **settings))
    return path


@pytest.fixture(scope="module")
def network():
    return fold(random_model(1))


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
def test_every_function_gives_the_same_as_keras(tmp_path, member, build):
    build.require()
    network, X, answers = member
    program = Program(write(tmp_path, network, threshold=0.5), tmp_path, build.compiler, build.flags)
    assert np.ptp(answers) > 0.1
    assert program.self_test() < 1e-5
    for mode in MODES:
        np.testing.assert_allclose(program.predict(X, mode), answers, atol=1e-5, rtol=1e-5, err_msg=mode)
    brighter = X + np.array([25.5] + [0] * (X.shape[-1] - 1))  # only Y becomes brighter
    np.testing.assert_allclose(program.predict(X, "bright"), forward(network, brighter), atol=1e-5, rtol=1e-5)


@needs_compiler
@pytest.mark.parametrize("wrong", ["answers", "arithmetic"])
def test_self_test_fails_for_wrong_answers_and_wrong_arithmetic(tmp_path, network, wrong):
    X, path = patches(1, 2, network.input_shape), tmp_path / "wrong.h"
    answers = forward(network, X) + (1e-3 if wrong == "answers" else 0)
    write_header(path, network, About("ball_wrong", X, answers))
    if wrong == "arithmetic":
        text = path.read_text()
        path.write_text(text.replace("r10 + r20", "r10 - r20"))
        assert path.read_text() != text
    with pytest.raises(UserError, match="self_test fails with status 1"):
        Program(path, tmp_path, COMPILER, ["-O0"]).self_test()


@needs_compiler
def test_a_header_that_does_not_compile_gives_one_clear_line(tmp_path, network):
    path = write(tmp_path, network)
    path.write_text(path.read_text().replace("static const int height", "static const inf height"))
    with pytest.raises(UserError, match=r"model.h does not compile with .*error") as refused:
        Program(path, tmp_path, COMPILER)
    assert "\n" not in str(refused.value)


def test_facts_of_model_json_become_constants(tmp_path, network):
    facts = {"git_commit": 'say "hi"\n??/ä1', "input_range": "0..255", "largest_error": 2.0, "test_patch_count": 8}
    text = write(tmp_path, network, threshold=0.25, facts=facts).read_text()
    assert "namespace ball_test {" in text
    assert "static const float threshold = 0.25f;" in text
    assert r'git_commit = "say \042hi\042\012\077\077/\303\2441";' in text
    assert "static const float largest_error = 2.0f;" in text
    assert "static const int test_patch_count = 8;" in text
    with pytest.raises(ValueError, match="width"):
        write(tmp_path, network, facts={"width": 3})


@pytest.mark.parametrize("name", ["2024-07-20 8 8 16 16", "a__b", "ümlaut", "-"])
def test_any_name_becomes_an_identifier(name):
    assert identifier(name).isidentifier()
    assert identifier(name).isascii()
    assert "__" not in identifier(name)


def test_quoted_is_ascii():
    assert quoted("ü\\") == r'"\303\274\134"'


def test_a_refused_network_is_reported_with_the_name_of_the_layer(tmp_path, network):
    conv1, *others = network.convolutions
    wrong = {
        "layer conv1": {"convolutions": (replace(conv1, pool=1), *others)},
        "layer conv4": {"convolutions": (*network.convolutions[:3], replace(others[2], padding="same"))},
        "layer dense": {"dense": (replace(network.dense[0], slope=None), network.dense[1])},
        "layer logit": {"head": "linear"},
        "the network": {"convolutions": network.convolutions[:3]},
        "the input": {"input_shape": (24, 24, 1)},
    }
    for name, change in wrong.items():
        with pytest.raises(UserError, match=f"{name} cannot become C"):
            write_header(tmp_path / "model.h", replace(network, **change), About("x", np.zeros(0), np.zeros(0)))
    assert not list(tmp_path.iterdir())
