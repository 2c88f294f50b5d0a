"""Checks that the int16 header works like the float header, causes no warnings, and has an exact self test."""

import shutil
import subprocess

import numpy as np
import pytest

from common.errors import UserError
from robot_export.cpp.compile_and_run import Program
from robot_export.cpp.float_header import PARTS
from robot_export.cpp.int16_header import text
from robot_export.cpp.int16_reference import predict
from robot_export.folded_network import fold

from ...tiny import ROOT
from ..models import patches, random_model
from .builds import COMPILERS, Build
from .headers import COMPILER, MODELS, int16_about, needs_compiler, quantised, write_int16

STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wsign-conversion", "-Werror", "-fsyntax-only")


@needs_compiler
def test_it_can_replace_the_float_header(tmp_path):
    """Calls the classifier and the detector through ball_models.h, under the same names as in float headers."""
    X, wanted = patches(3, 40, (16, 16, 1)), []
    shutil.copy(PARTS / "ball_models.h", tmp_path)
    for name, head in (("ball_classifier", "sigmoid"), ("ball_detector", "linear")):
        network = fold(random_model(5, head=head))
        whole = quantised(network, X)
        threshold = 0.0 if head == "sigmoid" else None
        (tmp_path / f"{name}.h").write_text(text(network, whole, int16_about(name, X, threshold)))
        wanted.append(predict(whole, X).outputs)
    command = [
        COMPILER,
        "-std=c++11",
        "-O1",
        "-I",
        tmp_path,
        ROOT / "tests/robot_export/cpp/ball_models_main.cpp",
    ]
    subprocess.run([*command, "-o", tmp_path / "program"], check=True)
    for layout in ("rows", "columns", "wide"):
        program = [tmp_path / "program", layout, "0", "0"]
        said = subprocess.run(program, input=X.tobytes(), capture_output=True, check=True).stdout
        np.testing.assert_array_equal(np.frombuffer(said, np.float32).reshape(-1, 4), np.concatenate(wanted, axis=1))


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("target", ["silvermont", "x86-64-v3", "native", "x86-64"])
def test_the_only_warning_is_about_a_slow_build(tmp_path, compiler, target):
    Build(compiler, ()).require()
    network = fold(random_model(7, **MODELS["detector"]))
    path, _ = write_int16(tmp_path, network, patches(1, 20, network.input_shape))
    unit = tmp_path / "unit.cpp"
    unit.write_text(f'#include "{path.name}"\nint main() {{ return ball_test::self_test() ? 0 : 1; }}\n')
    for standard in ("c++11", "c++14", "c++17", "c++20"):
        command = [compiler, f"-std={standard}", f"-march={target}", "-DBALL_WITHOUT_SSE", *STRICT, unit]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not done.returncode, done.stderr[:1000]
    command = [compiler, "-std=c++11", f"-march={target}", "-fsyntax-only", unit]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert ("without SSE4.1, slow" in said) == (target == "x86-64")


@needs_compiler
def test_a_change_in_the_arithmetic_makes_the_self_test_fail(tmp_path):
    network = fold(random_model(1))
    path, _ = write_int16(tmp_path, network, patches(1, 20, network.input_shape))
    path.write_text(path.read_text().replace("r10 + r20", "r10 - r20"))
    with pytest.raises(UserError, match="self_test fails with status 1"):
        Program(path, tmp_path, COMPILER, ["-O0"]).self_test()


def test_the_header_has_the_numbers_of_the_network(tmp_path):
    network = fold(random_model(7, **MODELS["detector"]))
    path, whole = write_int16(tmp_path, network, patches(1, 20, network.input_shape))
    code = path.read_text()
    assert f"limit = 8191, lowest = {whole.low}, highest = {whole.high};" in code
    assert f"static const int shift[] = {{{whole.add[0]}, {whole.add[1]}}};" in code
    assert f"static_cast<float>(sums[2]) * {2.0 ** -whole.layers[-1].shift:.9g}f" in code
    assert "static const float threshold = 0.5f;" in code
