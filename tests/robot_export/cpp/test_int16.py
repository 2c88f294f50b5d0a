"""The int16 header gives the same bits as the NumPy reference, no sum overflows, and outputs are close to float."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from common.errors import UserError
from robot_export.cpp.compile_and_run import Program, find_compiler
from robot_export.cpp.float_header import PARTS, About
from robot_export.cpp.int16_header import text
from robot_export.cpp.int16_quantise import LIMIT, ONE, measure, quantise
from robot_export.cpp.int16_reference import answer, light, predict
from robot_export.folded_network import fold

from ...tiny import ROOT
from ..models import patches, random_model
from .builds import COMPILERS, FEW, NEON, OTHERS, PLAIN, QEMU, SANITIZED, TARGETS, Build
from .reference import forward
from .test_float_header import MODELS, MODES
from .test_matrix import drawn

STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wsign-conversion", "-Werror", "-fsyntax-only")
SSSE3 = Build("g++", ("-O2", "-mssse3"))


def written(folder, network, X, calibration=None):
    """Writes a header; returns its path and the quantised network. `calibration` is half of X unless given."""
    whole, path = made(network, X[::2] if calibration is None else calibration), folder / "model_int16.h"
    path.write_text(text(network, whole, about("ball_test", X, 0.5)))
    return path, whole


def about(name, X, threshold):
    """The header's facts; its zero outputs are not used, because the self test expects those of the reference."""
    return About(name, X[:8], np.zeros((8, 1)), threshold)


def made(network, X):
    return quantise(network, measure(network, X))


def check(program, whole, X, modes=MODES):
    """Checks that every function of the header gives the same bits as the reference."""
    assert program.self_test() == 0
    wanted = predict(whole, X).outputs
    for mode in modes:
        np.testing.assert_array_equal(program.predict(X, mode), wanted, err_msg=mode)
    np.testing.assert_array_equal(program.predict(X, "bright"), predict(whole, X, 0.1).outputs)


@pytest.mark.parametrize(("name", "build"), [(name, build) for name in FEW for build in (*FEW[name], SSSE3)], ids=str)
def test_every_function_gives_the_bits_of_the_reference(tmp_path, name, build):
    build.require()
    network = fold(random_model(7, **MODELS[name]))
    X = patches(1, 60, network.input_shape)
    path, whole = written(tmp_path, network, X)
    check(Program(path, tmp_path, build.compiler, build.flags), whole, X)
    difference = np.abs(predict(whole, X).outputs - forward(network, X))
    assert difference.max() < 2e-3 * np.ptp(forward(network, X))


def test_it_can_replace_the_float_header(tmp_path):
    """Uses classifier and detector through the template in the docs, with the same names."""
    if find_compiler() is None:
        pytest.skip("no C++ compiler (c++, g++ or clang++) on this machine")
    X, wanted = patches(3, 40, (16, 16, 1)), []
    shutil.copy(PARTS / "ball_models.h", tmp_path)
    for name, head in (("ball_classifier", "sigmoid"), ("ball_detector", "linear")):
        network = fold(random_model(5, head=head))
        whole = made(network, X)
        threshold = 0.0 if head == "sigmoid" else None
        (tmp_path / f"{name}.h").write_text(text(network, whole, about(name, X, threshold)))
        wanted.append(predict(whole, X).outputs)
    command = [
        find_compiler(),
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


FLOATS = """
#include HEADER
#include <cstdio>
int main() {
  const int size = MODEL::height * MODEL::width * MODEL::channels;
  static float brightness, patch[4096];
  while (std::fread(&brightness, 4, 1, stdin) == 1 && std::fread(patch, 4, size, stdin) == std::size_t(size)) {
    const MODEL::Answer a = MODEL::predict(patch, MODEL::width * MODEL::channels, brightness);
    std::fwrite(&a, sizeof a, 1, stdout);
  }
}
"""


def test_floats_and_brightness_of_any_value(tmp_path):
    """Fractions, values out of range, infinities and NaN give the same bits as in the reference."""
    if find_compiler() is None:
        pytest.skip("no C++ compiler (c++, g++ or clang++) on this machine")
    network = fold(random_model(3))
    path, whole = written(tmp_path, network, patches(1, 20, network.input_shape))
    rng = np.random.default_rng(5)
    X = rng.uniform(-20, 280, (40, 16, 16, 1)).astype(np.float32)
    X[1::4] = np.floor(X[1::4]) + np.float32(1 / 64)  # ties
    X[2::4] *= rng.choice([1, 1e6, -1e30, np.inf, np.nan], X[2::4].shape).astype(np.float32)
    lights = rng.choice([0, 0.1, -0.3, 1, -7, 1e20, np.inf, -np.inf, np.nan, 1 / 8192], 40).astype(np.float32)
    code = tmp_path / "floats.cpp"
    code.write_text(FLOATS)
    for flags in (("-O2",), ("-O3", "-march=native")):
        command = [find_compiler(), *flags, f'-DHEADER="{path}"', "-DMODEL=ball_test", code, "-o", tmp_path / "floats"]
        subprocess.run(command, check=True)
        given = b"".join(light.tobytes() + x.tobytes() for light, x in zip(lights, X, strict=True))
        said = subprocess.run([tmp_path / "floats"], input=given, capture_output=True, check=True).stdout
        with np.errstate(invalid="ignore", over="ignore"):
            wanted = np.concatenate([predict(whole, X[i : i + 1], lights[i]).outputs for i in range(40)])
        np.testing.assert_array_equal(np.frombuffer(said, np.float32).reshape(-1, 1), wanted)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("target", ["silvermont", "x86-64-v3", "native", "x86-64"])
def test_no_warning_but_that_of_a_slow_build(tmp_path, compiler, target):
    Build(compiler, ()).require()
    network = fold(random_model(7, **MODELS["detector"]))
    path, _ = written(tmp_path, network, patches(1, 20, network.input_shape))
    unit = tmp_path / "unit.cpp"
    unit.write_text(f'#include "{path.name}"\nint main() {{ return ball_test::self_test() ? 0 : 1; }}\n')
    for standard in ("c++11", "c++14", "c++17", "c++20"):
        command = [compiler, f"-std={standard}", f"-march={target}", "-DBALL_WITHOUT_SSE", *STRICT, unit]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not done.returncode, done.stderr[:1000]
    command = [compiler, "-std=c++11", f"-march={target}", "-fsyntax-only", unit]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert ("without SSE4.1, slow" in said) == (target == "x86-64")


def test_the_bounds_are_reached_and_never_exceeded():
    """Inputs at their limits, with the signs of the largest sum, reach the bound of a layer exactly, and it fits."""
    for seed in range(8):
        network = fold(random_model(seed, channels=1 + seed % 2, head=("sigmoid", "linear")[seed % 2]))
        whole = made(network, patches(1, 30, network.input_shape))
        assert whole.layers[0].bound < ONE
        for layer in whole.layers:
            assert np.abs(layer.factors).max() < ONE
            assert layer.bound < 2**31
        hidden = whole.layers[4]
        signs = np.sign(hidden.factors) * LIMIT
        reached = np.abs((signs * hidden.factors).sum(axis=0) + np.abs(hidden.bias)).max()
        assert hidden.bound == reached
        rng = np.random.default_rng(seed)
        for _ in range(3):  # the reference raises an error if a sum exceeds its bound
            predict(whole, rng.choice([0, 255], (50, *network.input_shape)).astype(np.uint8), rng.uniform(-1, 1))
    assert 4 * LIMIT < ONE


def test_values_beyond_calibration_are_clamped_and_counted(tmp_path):
    network = fold(random_model(7))
    gray = np.full((4, 16, 16, 1), 110, np.uint8) + np.arange(4, dtype=np.uint8)[:, None, None, None]
    X = patches(1, 40, network.input_shape)
    path, whole = written(tmp_path, network, X, gray)
    counts = predict(whole, X).clamped
    assert counts["conv1"][0] > 0
    assert counts["conv1"][1] == 40 * 8 * 8 * 4
    assert sum(count for count, _ in predict(whole, gray).clamped.values()) == 0
    if find_compiler():
        check(Program(path, tmp_path, find_compiler(), ("-O2",)), whole, X, ["bytes"])


def test_the_probability_is_the_sigmoid():
    whole = made(fold(random_model(1)), patches(1, 10, (16, 16, 1)))
    whole = replace(whole, layers=(*whole.layers[:-1], replace(whole.layers[-1], shift=20)))
    sums = np.concatenate([np.arange(-(2**31) + 1, 2**31, 12_345_677), [0, 1, -1, 2**31 - 1]])[:, None]
    exact = 1 / (1 + np.exp2(np.minimum(-sums / 2.0**20, 1000)))
    np.testing.assert_allclose(answer(whole, sums), exact, rtol=3e-7, atol=1e-30)
    assert np.all(np.diff(answer(whole, np.arange(-(2**23), 2**23, 4096)[:, None])[:, 0]) >= 0)


def test_brightness_is_a_fraction_of_the_full_range():
    assert [light(value) for value in (0, 1, -1, 0.5, 100, float("nan"))] == [0, 8160, -8160, 4080, 32640, -32640]


def test_a_change_in_the_arithmetic_fails_the_self_test(tmp_path):
    if find_compiler() is None:
        pytest.skip("no C++ compiler (c++, g++ or clang++) on this machine")
    network = fold(random_model(1))
    path, _ = written(tmp_path, network, patches(1, 20, network.input_shape))
    path.write_text(path.read_text().replace("r10 + r20", "r10 - r20"))
    with pytest.raises(UserError, match="self_test fails with status 1"):
        Program(path, tmp_path, find_compiler(), ["-O0"]).self_test()


def test_a_refused_network_is_reported_with_the_name_of_the_layer():
    network = fold(random_model(1))
    with pytest.raises(UserError, match=r"its mean lies outside 0\.\.1. Received: \(-1\.5,\)"):
        quantise(replace(network, offset=(-1.5,)), [1.0] * 5)
    head = network.dense[1]
    with pytest.raises(UserError, match="layer logit cannot become int16"):
        quantise(replace(network, dense=(network.dense[0], replace(head, weights=head.weights * 1e30))), [1.0] * 5)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("build", [*PLAIN, *SANITIZED, *OTHERS, SSSE3], ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_the_whole_matrix(tmp_path, name, build):
    build.require()
    network = fold(random_model(7, **MODELS[name]))
    X = patches(1, 60 if "valgrind" in build.launcher else 500, network.input_shape)
    path, whole = written(tmp_path, network, X)
    check(Program(path, tmp_path, build.compiler, build.flags, build.launcher), whole, X)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("start", range(0, 240, 20))
def test_random_members_of_the_families(tmp_path, start):
    """The compiler and target change from model to model; every twentieth model runs as NEON."""
    builds = [Build(compiler, ("-O1", f"-march={target}")) for target in (*TARGETS, "x86-64") for compiler in COMPILERS]
    for seed in range(start, start + 20):
        build = Build(NEON, ("-O1", "-static"), QEMU) if seed % 20 == 19 else builds[seed % len(builds)]
        build.require()
        network = fold(drawn(seed))
        X = patches(seed, 40, network.input_shape)
        path, whole = written(tmp_path, network, X)
        check(Program(path, tmp_path, build.compiler, build.flags, build.launcher), whole, X, ("bytes", "columns"))
