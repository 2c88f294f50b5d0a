"""Tests sums of products: every input is multiplied by every factor once, in vectors that fit into the registers."""

import subprocess

import numpy as np
import pytest

from robot_export.cpp.float_header import part
from robot_export.cpp.products import ACCUMULATORS, Stage, accumulate, chunks, pieces, runs, steps

from .headers import COMPILER, needs_compiler

WIDTHS = tuple(ACCUMULATORS)
SUMS = """
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#if defined(__SSSE3__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#define BALL_INLINE static inline
{vectors}
{memory}
static void sums(const float* x0, const float* factors, float* out) {{
  {body}
}}
int main() {{
  alignas(64) static float inputs[{count} + 16], factors[{count} * {outputs} + 16], out[{outputs} + 16];
  for (float& value : inputs) value = NAN;  // no product may use what lies behind the inputs
  if (std::fread(inputs, 4, {count}, stdin) != {count}) return 1;
  if (std::fread(factors, 4, {count} * {outputs}, stdin) != {count} * {outputs}) return 1;
  sums(inputs, factors, out);
  std::fwrite(out, 4, {outputs}, stdout);
}}
"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("floats", [4, 8, 12, 20, 60, 64, 100, 400])
def test_the_vectors_of_a_row_cover_it_once(floats, width):
    parts = pieces(floats, width)
    assert [lane for lanes, offset in parts for lane in range(offset, offset + lanes)] == list(range(floats))
    assert max(lanes for lanes, _ in parts) == min(width, 1 << (floats.bit_length() - 1))
    joined = runs(parts)
    assert [(lanes, at) for lanes, start, end in joined for at in range(start, end, lanes)] == parts
    assert len({lanes for lanes, _, _ in joined}) == len(joined)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_chunk_needs_more_registers_than_there_are(width):
    for floats in range(4, 380, 4):
        assert all(len(parts) <= ACCUMULATORS[width] for _, parts in chunks(floats, width))


@pytest.mark.parametrize(("side", "block"), [(32, 16), (16, 8), (8, 4), (4, 4)])
def test_the_tiles_of_a_row_are_computed_together_or_all_tiles_if_there_are_few(side, block):
    assert Stage(1, side, 4, 4, 0.1, 4).block == block


@needs_compiler
@pytest.mark.parametrize(("flags", "width"), [(("-O1", "-march=silvermont"), 4), (("-O1", "-march=x86-64-v3"), 8)])
@pytest.mark.parametrize(("count", "outputs"), [(1, 4), (3, 8), (4, 12), (6, 36), (9, 116)])
@pytest.mark.parametrize("fresh", [True, False])
def test_the_sums_are_a_product_of_matrices(tmp_path, flags, width, count, outputs, fresh):
    """Without `fresh`, the sums start with given values; in this test, these are the first row of factors."""
    stage, body = Stage(1, 2, count, outputs, 0.1, width), []
    for loop, parts in chunks(outputs, width):
        body += [loop, "const float* const u0 = factors + o;"]
        for lanes, at in parts:
            body.append(f"f{lanes} a0_{at}{'' if fresh else f' = f{lanes}::load(u0 + {at})'};")
        body += accumulate(count, steps(stage, 1, parts), fresh=fresh)
        body += [f"store(out + o + {at}, a0_{at});" for _, at in parts] + ["}"]
    names = {"vectors": part("float_vectors.h"), "memory": part("memory.h"), "body": "\n".join(body)}
    code, program = tmp_path / "sums.cpp", tmp_path / "sums"
    code.write_text(SUMS.format(**names, count=count, outputs=outputs))
    subprocess.run([COMPILER, "-std=c++11", *flags, code, "-o", program], check=True)
    rng = np.random.default_rng(count)
    x, factors = rng.normal(0, 1, count).astype(np.float32), rng.normal(0, 1, (count, outputs)).astype(np.float32)
    said = subprocess.run([program], input=x.tobytes() + factors.tobytes(), capture_output=True, check=True).stdout
    wanted = x @ factors + (0 if fresh else factors[0])
    np.testing.assert_allclose(np.frombuffer(said, np.float32), wanted, atol=1e-5)
