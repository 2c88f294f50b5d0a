"""Generates C++ for the layers after the last pooling: a 2x2 convolution, dense layers, and the last layer in float."""

from collections.abc import Callable

from robot_export.cpp.products import Lines, Pieces, Stage, accumulate, chunks, steps

Keep = Callable[[Stage, Pieces, str], Lines]  # (layer, vectors, address) -> lines that store the sums a0_{offset}


def small_convolution(stage: Stage, keep: Keep) -> Lines:
    """Generates the 2x2 convolution without padding, from `in` to `out`, which are both [row][column][channel]."""
    side, inner, places = stage.side, stage.inner, stage.side - 1
    return [
        f"for (int i = 0; i < {places * places}; ++i) {{",
        f"const Number* const p = in + (i / {places} * {side} + i % {places}) * {inner};",
        f"Number* const q = out + i * {stage.outer};",
        *_sums(stage, keep, [0, side * inner], 2 * inner, "p", "q"),
        "}",
    ]


def dense(stage: Stage, keep: Keep) -> Lines:
    """Generates a dense layer, from `in`, which is [row][column][channel], to `out`, which is [output]."""
    return _sums(stage, keep, [0], stage.side**2 * stage.inner, "in", "out")


def _sums(stage: Stage, keep: Keep, rows: list[int], count: int, source: str, to: str) -> Lines:
    """Generates sums over rows of `count` inputs; rows: their offsets. Padded inputs are multiplied by zero."""
    number, lines = stage.number, []
    for loop, parts in chunks(stage.outer, stage.width):
        kinds = [(stage.sums(lanes), at) for lanes, at in parts]
        lines += [loop, *(f"{kind} a0_{at} = {kind}::load(bias{number} + o + {at});" for kind, at in kinds)]
        for index, row in enumerate(rows):
            lines += [
                "{",
                f"const Number* const x0 = {source} + {row};",
                f"const Number* const u0 = factors{number} + {index * count * stage.outer} + {stage.group} * o;",
                *accumulate(count // stage.group, steps(stage, 1, parts)),
                "}",
            ]
        lines += [*keep(stage, parts, f"{to} + o"), "}"]
    return lines


def head(stage: Stage) -> Lines:
    """Generates the last layer in float; `in` has the shape [input], `out` the shape [output]."""
    inner, numbers = stage.inner, range(stage.outputs)
    lines = [f"f4 s{k} = f4::load(in) * f4::load(factors6 + {k * inner});" for k in numbers]
    lines += [f"for (int c = 4; c < {inner}; c += 4) {{", "const f4 x = f4::load(in + c);"]
    lines += [f"s{k} = madd(s{k}, x, f4::load(factors6 + {k * inner} + c));" for k in numbers]
    return [*lines, "}", *(f"out[{k}] = sum(s{k}) + bias6[{k}];" for k in numbers)]
