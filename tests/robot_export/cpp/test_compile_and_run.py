"""Checks that this machine's compiler compiles and runs a header, and that errors are reported in one line."""

import numpy as np
import pytest

from common.errors import UserError
from robot_export.cpp.compile_and_run import CPP_FLAGS, Program, find_compiler
from robot_export.folded_network import fold

from ..models import patches, random_model
from .headers import COMPILER, needs_compiler, write_float
from .reference import forward

NETWORK = fold(random_model(1, head="linear"))
X = patches(1, 30, NETWORK.input_shape)


@pytest.fixture(scope="module")
def header(tmp_path_factory):
    return write_float(tmp_path_factory.mktemp("header"), NETWORK, X[:8])


@pytest.fixture(scope="module")
def program(header, tmp_path_factory):
    return Program(header, tmp_path_factory.mktemp("program"), COMPILER, CPP_FLAGS)


def executable(path, code: str) -> None:
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)


@needs_compiler
def test_it_knows_the_shape_and_gives_one_row_per_patch(program):
    assert (program.namespace, program.shape, program.outputs) == ("ball_test", [16, 16, 1], 3)
    np.testing.assert_allclose(program.predict(X), forward(NETWORK, X), atol=1e-5)
    assert program.predict(X[:0]).shape == (0, 3)
    assert program.self_test() < 1e-5


@needs_compiler
def test_times_are_microseconds(program):
    times = program.times(X)
    assert 0.05 < times["median"] <= times["p95"] < 1e4


@needs_compiler
def test_a_header_that_does_not_compile_gives_one_clear_line(tmp_path, header):
    path = tmp_path / "model.h"
    path.write_text(header.read_text().replace("static const int height", "static const inf height"))
    with pytest.raises(UserError, match=r"model.h does not compile with \S+ -O2: .*error") as refused:
        Program(path, tmp_path, COMPILER)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "static const int outputs = 1;\n", "namespace ball_test {\nstatic const int height = 16;\n"]
)
def test_another_file_is_refused_before_it_is_compiled(tmp_path, text):
    (tmp_path / "other.h").write_text(text)
    with pytest.raises(UserError, match=r"not a header that this program made.* Received: .*other\.h"):
        Program(tmp_path / "other.h", tmp_path, "no-such-compiler")


@needs_compiler
def test_a_program_that_fails_is_told_with_its_status_and_its_words(tmp_path, header):
    executable(tmp_path / "failing", "echo a bad processor >&2; exit 7")
    program = Program(header, tmp_path, COMPILER, ["-O0"], [str(tmp_path / "failing")])
    with pytest.raises(UserError, match=r"model\.program bytes fails with status 7: a bad processor"):
        program.predict(X)


@needs_compiler
def test_a_launcher_runs_the_program(tmp_path, header):
    executable(tmp_path / "launcher", 'touch "$0.ran"; exec "$@"')
    program = Program(header, tmp_path, COMPILER, ["-O0"], [str(tmp_path / "launcher")])
    np.testing.assert_allclose(program.predict(X), forward(NETWORK, X), atol=1e-5)
    assert (tmp_path / "launcher.ran").exists()


@pytest.mark.parametrize(
    ("there", "found"),
    [((), None), (("clang++",), "clang++"), (("clang++", "g++"), "g++"), (("clang++", "g++", "c++"), "c++")],
)
def test_the_compiler_of_the_machine_is_found(tmp_path, monkeypatch, there, found):
    for name in there:
        executable(tmp_path / name, "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_compiler() == (found and str(tmp_path / found))
