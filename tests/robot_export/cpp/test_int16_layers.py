"""Checks that the int16 layers compute the same bits as the NumPy reference, in every function and for any input."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest

from robot_export.cpp.compile_and_run import Program
from robot_export.cpp.int16_reference import predict
from robot_export.folded_network import fold

from ..models import patches, random_model
from .builds import FEW, SSSE3
from .headers import COMPILER, MODELS, check_bits, needs_compiler, write_int16


@pytest.mark.parametrize(("name", "build"), [(name, build) for name in FEW for build in (*FEW[name], SSSE3)], ids=str)
def test_every_function_gives_the_bits_of_the_reference(tmp_path, name, build):
    build.require()
    network = fold(random_model(7, **MODELS[name]))
    X = patches(1, 60, network.input_shape)
    path, whole = write_int16(tmp_path, network, X)
    check_bits(Program(path, tmp_path, build.compiler, build.flags), whole, X)


@needs_compiler
@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_other_slopes(tmp_path, slope):
    """With a slope above 0.25, activations can be below the lower limit, so low values must be clamped, too."""
    network = fold(random_model(7))
    convolutions = tuple(replace(layer, slope=slope) for layer in network.convolutions)
    network = replace(
        network, convolutions=convolutions, dense=(replace(network.dense[0], slope=slope), network.dense[1])
    )
    X = patches(1, 60, network.input_shape)
    gray = np.full((4, 16, 16, 1), 110, np.uint8) + np.arange(4, dtype=np.uint8)[:, None, None, None]
    path, whole = write_int16(tmp_path, network, X, gray)
    assert predict(whole, X).clamped["conv1"][0] > 0
    check_bits(Program(path, tmp_path, COMPILER, ("-O1", "-march=native")), whole, X, ["bytes"])


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


@needs_compiler
def test_floats_and_brightness_of_any_value(tmp_path):
    """Fractions, values out of range, infinities and NaN lead to the same bits as in the reference."""
    network = fold(random_model(3))
    path, whole = write_int16(tmp_path, network, patches(1, 20, network.input_shape))
    rng = np.random.default_rng(5)
    X = rng.uniform(-20, 280, (40, 16, 16, 1)).astype(np.float32)
    X[1::4] = np.floor(X[1::4]) + np.float32(1 / 64)  # ties
    X[2::4] *= rng.choice([1, 1e6, -1e30, np.inf, np.nan], X[2::4].shape).astype(np.float32)
    lights = rng.choice([0, 0.1, -0.3, 1, -7, 1e20, np.inf, -np.inf, np.nan, 1 / 8192], 40).astype(np.float32)
    code = tmp_path / "floats.cpp"
    code.write_text(FLOATS)
    for flags in (("-O2",), ("-O3", "-march=native")):
        command = [COMPILER, *flags, f'-DHEADER="{path}"', "-DMODEL=ball_test", code, "-o", tmp_path / "floats"]
        subprocess.run(command, check=True)
        given = b"".join(light.tobytes() + x.tobytes() for light, x in zip(lights, X, strict=True))
        said = subprocess.run([tmp_path / "floats"], input=given, capture_output=True, check=True).stdout
        with np.errstate(invalid="ignore", over="ignore"):
            wanted = np.concatenate([predict(whole, X[i : i + 1], lights[i]).outputs for i in range(40)])
        np.testing.assert_array_equal(np.frombuffer(said, np.float32).reshape(-1, 1), wanted)
