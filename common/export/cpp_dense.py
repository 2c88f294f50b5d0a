"""C++ text of the layers after the pooled ones: a 2x2 convolution, dense layers, the head."""

from common.export.cpp_tiles import ACCUMULATORS, Lines, accumulate, pieces
from common.export.cpp_weights import padded


def small_convolution(number: int, side: int, channels: int, outputs: int, slope: float, width: int) -> Lines:
    """The 2x2 convolution without padding: outputs in the lanes. `in` and `out` are [row][column][channel]."""
    inner, outer, places = padded(channels), padded(outputs), side - 1
    taps = [(row * side + column) * inner for row in (0, 1) for column in (0, 1)]
    body = _sums(f"{number}", taps, channels, outer, slope, width, "p", "q")
    return [
        f"for (int i = 0; i < {places * places}; ++i) {{",
        f"const float* const p = in + (i / {places} * {side} + i % {places}) * {inner};",
        f"float* const q = out + i * {outer};",
        *body,
        "}",
    ]


def dense(places: int, channels: int, outputs: int, slope: float, width: int) -> Lines:
    """The hidden dense layer: outputs in the lanes. `in` is [place][channel], `out` [output]."""
    taps = [place * padded(channels) for place in range(places)]
    return _sums("_dense", taps, channels, padded(outputs), slope, width, "in", "out")


def _sums(
    name: str, taps: list[int], channels: int, outer: int, slope: float, width: int, source: str, to: str
) -> Lines:
    limit, parts, lines = ACCUMULATORS[width], pieces(outer, width), []
    for start in range(0, len(parts), limit):
        chosen = parts[start : start + limit]
        lines += ["{", *(f"f{n} a0_{at} = f{n}::load(bias{name} + {at});" for n, at in chosen)]
        for index, tap in enumerate(taps):
            lines += [
                "{",
                f"const float* const x0 = {source} + {tap};",
                f"const float* const u = factors{name} + {index * channels * outer};",
                *accumulate(channels, outer, 1, chosen, width),
                "}",
            ]
        lines += [f"store({to} + {at}, leaky(a0_{at}, {slope:.9g}f));" for _, at in chosen]
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
