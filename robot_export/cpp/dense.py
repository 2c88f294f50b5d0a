"""Generates C++ for the layers after the pooled ones: a 2x2 convolution, dense layers, the head."""

from robot_export.cpp.products import Lines, Stage, accumulate, chunks, float_steps
from robot_export.cpp.weights import padded


def small_convolution(stage: Stage) -> Lines:
    """The 2x2 convolution without padding, with outputs in the lanes. `in` and `out` are [row][column][channel]."""
    side, inner, places = stage.side, stage.inner, stage.side - 1
    return [
        f"for (int i = 0; i < {places * places}; ++i) {{",
        f"const float* const p = in + (i / {places} * {side} + i % {places}) * {inner};",
        f"float* const q = out + i * {stage.outer};",
        *_sums(stage, str(stage.number), [0, side * inner], 2 * inner, "p", "q"),
        "}",
    ]


def dense(stage: Stage) -> Lines:
    """The hidden dense layer, with outputs in the lanes. `in` is [row][column][channel], `out` [output]."""
    return _sums(stage, "_dense", [0], stage.side**2 * stage.inner, "in", "out")


def _sums(stage: Stage, name: str, rows: list[int], count: int, source: str, to: str) -> Lines:
    """Rows of `count` inputs that start at these offsets; padding is also multiplied, by zeros."""
    lines = []
    for loop, parts in chunks(stage.outer, stage.width):
        lines += [loop, *(f"f{n} a0_{at} = f{n}::load(bias{name} + o + {at});" for n, at in parts)]
        for index, row in enumerate(rows):
            lines += [
                "{",
                f"const float* const x0 = {source} + {row};",
                f"const float* const u = factors{name} + {index * count * stage.outer} + o;",
                *accumulate(count, float_steps(stage, 1, parts)),
                "}",
            ]
        lines += [f"store({to} + o + {at}, leaky(a0_{at}, {stage.slope:.9g}f));" for _, at in parts]
        lines.append("}")
    return lines


def head(inputs: int, outputs: int, sigmoid: bool) -> Lines:
    """The last dense layer, with inputs in the lanes; `in` [inputs], `out` [outputs]."""
    inner, numbers = padded(inputs), range(outputs)
    lines = [f"f4 s{k} = f4::load(in) * f4::load(factors_head + {k * inner});" for k in numbers]
    lines += [f"for (int c = 4; c < {inner}; c += 4) {{", "const f4 x = f4::load(in + c);"]
    lines += [f"s{k} = madd(s{k}, x, f4::load(factors_head + {k * inner} + c));" for k in numbers]
    lines.append("}")
    for k in numbers:
        value = f"sum(s{k}) + bias_head[{k}]"
        lines.append(f"out[{k}] = " + (f"1.0f / (1.0f + std::exp(-({value})));" if sigmoid else f"{value};"))
    return lines
