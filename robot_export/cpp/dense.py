"""C++ text of the layers after the pooled ones: a 2x2 convolution, dense layers, the head."""

from robot_export.cpp.products import Lines, accumulate, chunks
from robot_export.cpp.weights import padded


def small_convolution(number: int, side: int, channels: int, outputs: int, slope: float, width: int) -> Lines:
    """The 2x2 convolution without padding: outputs in the lanes. `in` and `out` are [row][column][channel]."""
    inner, outer, places = padded(channels), padded(outputs), side - 1
    body = _sums(f"{number}", [0, side * inner], 2 * inner, outer, slope, width, "p", "q")
    return [
        f"for (int i = 0; i < {places * places}; ++i) {{",
        f"const float* const p = in + (i / {places} * {side} + i % {places}) * {inner};",
        f"float* const q = out + i * {outer};",
        *body,
        "}",
    ]


def dense(places: int, channels: int, outputs: int, slope: float, width: int) -> Lines:
    """The hidden dense layer: outputs in the lanes. `in` is [place][channel], `out` [output]."""
    return _sums("_dense", [0], places * padded(channels), padded(outputs), slope, width, "in", "out")


def _sums(name: str, rows: list[int], count: int, outer: int, slope: float, width: int, source: str, to: str) -> Lines:
    """Rows of `count` inputs, which start at these offsets; padding is multiplied by zeros like everything else."""
    lines = []
    for loop, parts in chunks(outer, width):
        lines += [loop, *(f"f{n} a0_{at} = f{n}::load(bias{name} + o + {at});" for n, at in parts)]
        for index, row in enumerate(rows):
            lines += [
                "{",
                f"const float* const x0 = {source} + {row};",
                f"const float* const u = factors{name} + {index * count * outer} + o;",
                *accumulate(count, outer, 1, parts, width),
                "}",
            ]
        lines += [f"store({to} + o + {at}, leaky(a0_{at}, {slope:.9g}f));" for _, at in parts]
        lines.append("}")
    return lines


def head(inputs: int, outputs: int, sigmoid: bool) -> Lines:
    """The last dense layer, inputs in the lanes; `in` [inputs], `out` [outputs]."""
    inner, lines = padded(inputs), []
    for output in range(outputs):
        lines.append(f"f4 s{output} = f4::load(in) * f4::load(factors_head + {output * inner});")
    lines.append(f"for (int c = 4; c < {inner}; c += 4) {{")
    lines.append("const f4 x = f4::load(in + c);")
    for output in range(outputs):
        lines.append(f"s{output} = madd(s{output}, x, f4::load(factors_head + {output * inner} + c));")
    lines.append("}")
    for output in range(outputs):
        value = f"sum(s{output}) + bias_head[{output}]"
        lines.append(f"out[{output}] = " + (f"1.0f / (1.0f + std::exp(-({value})));" if sigmoid else f"{value};"))
    return lines
