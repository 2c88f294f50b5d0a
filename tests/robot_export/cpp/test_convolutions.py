"""Compares the generated code with a direct 3x3 convolution and max pooling.

Also tests code that computes a row of factors instead of storing it.
"""

import subprocess
from dataclasses import replace

import numpy as np
import pytest

from robot_export.cpp.compile_and_run import Program
from robot_export.cpp.convolutions import is_short, pooled, transform
from robot_export.cpp.float_layers import weights
from robot_export.cpp.layers import plan
from robot_export.cpp.weights import tile_factors
from robot_export.folded_network import fold

from ..models import patches, random_model
from .headers import COMPILER, needs_compiler, write_float
from .reference import forward

TILE = """
#include <cstdio>
static double larger(double a, double b) {{ return a > b ? a : b; }}
int main() {{
  double pixels[16], factors[16], v[16];
  while (std::fread(pixels, 8, 16, stdin) == 16 && std::fread(factors, 8, 16, stdin) == 16) {{
    {transform}
    {pooled}
    std::fwrite(&largest, 8, 1, stdout);
  }}
}}
"""


@needs_compiler
def test_a_tile_gives_the_largest_of_four_outputs_of_a_convolution(tmp_path):
    rng = np.random.default_rng(0)
    pixels, kernels = rng.normal(0, 1, (200, 4, 4)), rng.normal(0, 1, (3, 3, 1, 200))
    factors = tile_factors(kernels)[:, 0].T
    forth = transform("double", lambda y, x: f"pixels[{4 * y + x}]", lambda k, value: f"v[{k}] = {value};")
    back = pooled("double", "largest", lambda k: f"v[{k}] * factors[{k}]")
    code = tmp_path / "tile.cpp"
    code.write_text(TILE.format(transform="\n".join(forth), pooled="\n".join(back)))
    subprocess.run([COMPILER, "-std=c++11", code, "-o", tmp_path / "tile"], check=True)
    given = np.concatenate([pixels.reshape(-1, 16), factors], axis=1).tobytes()
    said = subprocess.run([tmp_path / "tile"], input=given, capture_output=True, check=True).stdout
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), axis=(1, 2))
    direct = np.einsum("nyxij,ijn->nyx", windows, kernels[:, :, 0]).max((1, 2))
    np.testing.assert_allclose(np.frombuffer(said), direct, atol=1e-12)


@needs_compiler
@pytest.mark.parametrize("flags", [("-O1", "-march=native"), ("-O1", "-march=silvermont"), ("-O1",)], ids=str)
def test_computing_a_row_of_factors_gives_the_same_outputs(tmp_path, flags):
    """The last convolution has few tiles and many weights, so its third row of factors is computed, not stored."""
    network = fold(random_model(5, filters=(4, 20, 21, 4), dense=4))
    stages = plan(network, 4)[:3]
    assert [is_short(stage) for stage in stages] == [False, False, True]
    assert not is_short(replace(stages[2], side=8))
    counts = [part.split("}")[0].count(",") + 1 for part in weights(network).split("factors")[2:4]]
    assert counts == [16 * 4 * 20, 12 * 20 * 24]
    X = patches(1, 30, network.input_shape)
    program = Program(write_float(tmp_path, network, X[:8]), tmp_path, COMPILER, flags)
    np.testing.assert_allclose(program.predict(X), forward(network, X), atol=1e-5)


@needs_compiler
@pytest.mark.parametrize("flags", [("-O1", "-march=native"), ("-O1", "-march=silvermont")], ids=str)
def test_rows_of_tiles_of_a_large_patch(tmp_path, flags):
    """The patches have 32x32 pixels and two channels.

    One layer has 3 filters, and another layer has more filters than fit into the registers.
    """
    network = fold(random_model(6, side=32, channels=2, filters=(6, 70, 3, 2), dense=3, head="linear"))
    X = patches(1, 20, network.input_shape)
    program = Program(write_float(tmp_path, network, X[:8]), tmp_path, COMPILER, flags)
    wanted = forward(network, X)
    np.testing.assert_allclose(program.predict(X), wanted, atol=1e-5, rtol=1e-5)
