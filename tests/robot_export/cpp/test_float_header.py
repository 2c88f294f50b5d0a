"""Tests the text around the layers: constants for the robot's code, names, and a self test that detects errors."""

from dataclasses import replace

import numpy as np
import pytest

from common.errors import UserError
from robot_export.cpp.compile_and_run import Program
from robot_export.cpp.float_header import About, fill_template, identifier, quoted
from robot_export.cpp.float_header import write as write_header
from robot_export.folded_network import fold

from ..models import patches, random_model
from .headers import COMPILER, needs_compiler, write_float
from .reference import forward


@pytest.fixture(scope="module")
def network():
    return fold(random_model(1))


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


def test_facts_of_model_json_become_constants(tmp_path, network):
    X = patches(8, 8, network.input_shape)
    facts = {"git_commit": 'say "hi"\n??/ä1', "input_range": "0..255", "largest_error": 2.0, "test_patch_count": 8}
    text = write_float(tmp_path, network, X, threshold=0.25, facts=facts).read_text()
    assert "namespace ball_test {" in text
    assert "static const float threshold = 0.25f;" in text
    assert r'git_commit = "say \042hi\042\012\077\077/\303\2441";' in text
    assert "static const float largest_error = 2.0f;" in text
    assert "static const int test_patch_count = 8;" in text
    with pytest.raises(ValueError, match="width"):
        write_float(tmp_path, network, X, facts={"width": 3})


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
        with pytest.raises(UserError, match=f"{name} cannot be converted to C"):
            write_header(tmp_path / "model.h", replace(network, **change), About("x", np.zeros(0), np.zeros(0)))
    assert not list(tmp_path.iterdir())


def test_a_template_uses_the_namespace_of_the_model():
    text = fill_template("ball_models.h", "detector", "ours")
    assert "namespace detector = ::ours;" in text
    assert "namespace classifier = ::ball_classifier;" in text
