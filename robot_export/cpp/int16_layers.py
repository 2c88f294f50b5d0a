"""Generates C++ for the layers in int16: tiles as in tiles.py, products of pairs of inputs, int32 sums."""

from collections.abc import Callable
from dataclasses import replace

from robot_export.cpp import float_layers
from robot_export.cpp.float_layers import function
from robot_export.cpp.int16_quantise import LIMIT, Int16Network
from robot_export.cpp.products import ACCUMULATORS, Lines, Pieces, Stage, accumulate, chunks, pieces, runs
from robot_export.cpp.tiles import larger_of_two, pooled, transform
from robot_export.folded_network import FoldedNetwork

WIDTHS = (8, 4)  # int32 per vector: AVX2; SSE, NEON and any other machine


def plan(network: FoldedNetwork, whole: Int16Network, width: int) -> list[Stage]:
    """The six layers, for vectors of at most this width."""
    stages = zip(float_layers.plan(network, width), whole.layers, strict=True)
    return [replace(stage, slope=layer.slope, shift=layer.shift) for stage, layer in stages]


def layers(network: FoldedNetwork, whole: Int16Network) -> str:
    """One function per layer, for each vector width."""
    parts = []
    for width in WIDTHS:
        first, second, third, fourth, hidden, answer = plan(network, whole, width)
        bodies = [
            _first(first),
            _tiled(second, border=True),
            _tiled(third, border=False),
            _small(fourth),
            _sums(hidden, [0], hidden.side**2 * hidden.inner),
            _sums(answer, [0], answer.inner),
        ]
        parts.append(f"#{'if' if width == WIDTHS[0] else 'elif'} BALL_WIDTH == {width}")
        for number, body in enumerate(bodies, 1):
            kinds = "std::int16_t", "std::int32_t" if number == 6 else "std::int16_t"
            parts.append(function(f"layer{number}", body, *kinds))
    return "\n".join([*parts, "#endif"])


def _first(stage: Stage) -> Lines:
    """The first convolution, with tiles in the lanes; each product is rounded to int16.

    Reads `in`, the Spread patch; writes `out`, a map with a border.
    """
    lanes, tiles, count, size = 2 * stage.width, stage.tiles, stage.outer, 16 * stage.channels + 1
    kind, plane = f"s{lanes}", (tiles + 1) * tiles

    def product(index, output):
        terms = (
            f"scaled({kind}::load(v + {i * lanes}), factor<{kind}>(u, {output * size + i}))"
            for i in range(index, size - 1, 16)
        )
        return f"({' + '.join(terms)})"

    lines = [f"for (int t = 0; t < {tiles * tiles}; t += {lanes}) {{"]
    lines.append(f"alignas(64) std::int16_t v[{(size - 1) * lanes}], y[{count * lanes}];")
    for c in range(stage.channels):
        lines += ["{", *transform(
            kind,
            lambda row, x, c=c: f"{kind}::near(in + {(8 * c + 2 * x + row % 2) * plane + row // 2 * tiles} + t)",
            lambda index, value, c=c: f"store(v + {(16 * c + index) * lanes}, {value});",
        ), "}"]  # fmt: skip
    lines.append("const std::int16_t* u = factors1;")
    lines.append(f"for (int o = 0; o < {count}; o += 4, u += {4 * size} * BALL_REPEAT) {{")
    for q in range(4):
        lines += ["{", *pooled(kind, "m", lambda index, q=q: product(index, q))]
        value = f"m + factor<{kind}>(u, {q * size + size - 1})"
        lines += [f"store(y + (o + {q}) * {lanes}, {_activated(value, stage)});", "}"]
    lines += [
        "}",
        f"for (int i = 0; i < {lanes}; i += 8) {{",  # eight tiles that start at an even column
        f"const int row = (t + i) / {tiles} + 1, column = (t + i) % {tiles};",
        f"std::int16_t* const p = out + row * {(tiles + 2) * count} + column * {count // 2};",
    ]
    places = [f"p + {((k + 1) % 2 * (tiles // 2 + 1) + (k + 1) // 2) * count} + o" for k in range(8)]
    for start, end, together in ((0, count // 8 * 8, 8), (count // 8 * 8, count, 4)):
        loads = ", ".join(f"s8::load(y + (o + {k}) * {lanes} + i)" for k in range(together))
        lines += [f"for (int o = {start}; o < {end}; o += {together}) {{", f"const s8 rows[] = {{{loads}}};"]
        lines.append(f"s8 a[{together}];\ntranspose<{together}>(rows, a);")
        if together == 8:
            lines += [f"store({place}, a[{k}]);" for k, place in enumerate(places)]
        else:
            lines += [f"store_half<{k % 2}>({place}, a[{k // 2}]);" for k, place in enumerate(places)]
        lines.append("}")
    return [*lines, "}", "}"]


def _tiled(stage: Stage, border: bool) -> Lines:
    """A later 3x3 convolution. Reads a map with a border; writes one, or [row][column][channel] without it."""
    tiles, block, inner, outer = stage.tiles, stage.block, stage.inner, stage.outer
    row, plane = (stage.side + 2) * inner, (tiles + 1) * inner
    lines = [
        f"for (int first = 0; first < {tiles * tiles}; first += {block}) {{",
        f"alignas(64) std::int16_t v[{16 * block * inner}];",
        f"alignas(64) std::int32_t m[{8 * block * outer}];",
        f"for (int r = 0; r < {block // tiles}; ++r) {{",
        f"const std::int16_t* const p = in + (first / {tiles} + r) * {2 * row};",
        f"std::int16_t* const q = v + r * {tiles * inner};",
    ]
    for lanes, start, end in runs(pieces(tiles * inner // 2, stage.width)):
        lines += [f"for (int c = {2 * start}; c < {2 * end}; c += {2 * lanes}) {{", *transform(
            f"s{2 * lanes}",
            lambda y, x, n=lanes: f"s{2 * n}::near(p + {y * row + x % 2 * plane + x // 2 * inner} + c)",
            lambda index, value: f"store(q + {index * block * inner} + c, {value});",
        ), "}"]  # fmt: skip
    lines += ["}", *_products(stage)]
    # Two neighbouring tiles: in a map with a border, the first is at an odd column, the second at an even one.
    place = f"((first + i) / {tiles} + 1) * {(tiles + 2) * outer} + (first + i) % {tiles} / 2 * {outer}"
    places = ((tiles // 2 + 1) * outer, outer) if border else (0, outer)
    lines += [f"for (int i = 0; i < {block}; i += 2) {{", f"const std::int32_t* const q = m + i * {8 * outer};"]
    lines.append(f"std::int16_t* const p = out + {place if border else f'(first + i) * {outer}'};")
    for vectors, start, end in _groups(outer, stage.width):
        sums = []
        lines.append(f"for (int c = {start}; c < {end}; c += {sum(vectors)}) {{")
        for tile in range(2):
            for index, lanes in enumerate(vectors):
                name, kind, at = f"g{tile}{index}", f"w{lanes}", f"c + {lanes * index}"
                lines += _largest(name, kind, 8 * outer * tile, outer, at)
                sums.append(f"{name} + {kind}::load(bias{stage.number} + {at})")
            if vectors != [4]:
                lines.append(f"store(p + {places[tile]} + c, {_narrowed(sums, stage)});")
                sums = []
        if sums:
            lines.append(f"const s8 both = {_narrowed(sums, stage)};")
            lines += [f"store_half<{half}>(p + {place} + c, both);" for half, place in enumerate(places)]
        lines.append("}")
    return [*lines, "}", "}"]


def _largest(name: str, kind: str, start: int, outer: int, at: str) -> Lines:
    """The largest of a tile's four outputs, from four columns of half transformed products each."""
    lines = []
    for half, letter in enumerate("tu"):
        names = [f"{name}{letter}{column}" for column in range(4)]
        for column, value in enumerate(names):
            lines.append(f"const {kind} {value} = {kind}::load(q + {start + (2 * column + half) * outer} + {at});")
        lines.append(larger_of_two(kind, name + letter))
    return [*lines, f"const {kind} {name} = larger({name}t, {name}u);"]


def _products(stage: Stage) -> Lines:
    """Sums over the pairs of input channels, and the first half of the transform back: two sums per column of a tile.

    For products a, b, c, d down a column, they are a + b + c and b - c - d. The sums of a and of -d start with b + c
    and b - c, so these additions cost nothing.
    """
    width, block, inner, outer, pairs = stage.width, stage.block, stage.inner, stage.outer, -(-stage.channels // 2)
    most, size, lines = ACCUMULATORS[width] // 2 * width, 2 * pairs * outer, []
    for start in range(0, outer, most):
        parts = pieces(min(most, outer - start), width)
        together = max(n for n in (1, 2, 4) if n * 2 * len(parts) <= ACCUMULATORS[width] and block % n == 0)
        sums = [(2 * tile + half, at, lanes) for tile in range(together) for half in range(2) for lanes, at in parts]
        lines += [
            "for (int column = 0; column < 4; ++column) {",
            f"const std::int16_t* x = v + column * {block * inner};",
            f"std::int32_t* y = m + column * {2 * outer} + {start};",
            f"for (int i = 0; i < {block}; i += {together}, x += {together * inner}, y += {together * 8 * outer}) {{",
            f"const std::int16_t* const u = opaque(factors{stage.number} + column * {4 * size} + {2 * start});",
            *(f"w{lanes} a{row}_{at};" for row, at, lanes in sums),
        ]
        for rows, order in (((1, 2), 0), ((0, 3), 2)):
            lines.append("{")
            for half, row in enumerate(rows):
                lines.append(f"const std::int16_t* const u{half} = u + {(order + half) * size};")
                for tile in range(together):
                    place = (row * 4 * block + tile) * inner
                    lines.append(f"const std::int16_t* const x{2 * tile + half} = x + {place};")
            lines += [*accumulate(pairs, _steps(stage, 2 * together, parts), fresh=order == 0), "}"]
            for row, at, lanes in sums:
                if order == 0 and row % 2 == 0:
                    b, c = f"a{row}_{at}", f"a{row + 1}_{at}"
                    lines.append(f"{{ const w{lanes} b = {b}; {b} = b + {c}; {c} = b - {c}; }}")
        lines += [f"store(y + {row // 2 * 8 * outer + row % 2 * outer + at}, a{row}_{at});" for row, at, _ in sums]
        lines += ["}", "}"]
    return lines


def _small(stage: Stage) -> Lines:
    """The 2x2 convolution without padding; `in` and `out` are [row][column][channel]."""
    side, places, inner = stage.side, stage.side - 1, stage.inner
    source, to = f"(i / {places} * {side} + i % {places}) * {inner} + ", f"i * {stage.outer} + "
    body = _sums(stage, [0, side * inner], 2 * inner, source, to)
    return [f"for (int i = 0; i < {places * places}; ++i) {{", *body, "}"]


def _sums(stage: Stage, rows: list[int], count: int, source: str = "", to: str = "") -> Lines:
    """Rows of `count` inputs that start at these offsets; padding is also multiplied, by zeros."""
    number, outer, answer, lines = stage.number, stage.outer, stage.slope is None, []
    for loop, parts in chunks(outer, stage.width):
        lines += [loop, *(f"w{lanes} a0_{at} = w{lanes}::load(bias{number} + o + {at});" for lanes, at in parts)]
        for index, row in enumerate(rows):
            lines.append(f"{{ const std::int16_t* const x0 = in + {source}{row};")
            lines.append(f"const std::int16_t* const u0 = factors{number} + {index * count * outer} + 2 * o;")
            lines += [*accumulate(count // 2, _steps(stage, 1, parts)), "}"]
        if answer:
            lines += [f"store(out + o + {at}, a0_{at});" for _, at in parts]
        for vectors, start, end in () if answer else _groups(sum(parts[-1]), stage.width):
            for at in range(start, end, sum(vectors)):
                sums = [f"a0_{at + lanes * index}" for index, lanes in enumerate(vectors)]
                store = "store_half<0>" if vectors == [4] else "store"
                lines.append(f"{store}(out + {to}o + {at}, {_narrowed(sums, stage)});")
        lines.append("}")
    return lines


def _steps(stage: Stage, rows: int, parts: Pieces) -> Callable[..., Lines]:
    """Steps of a{row}_{offset} += pair c of x{row} times u{row % 2}[c][offset...]; see products.float_steps."""
    width, outer = stage.width, stage.outer

    def steps(count: int, fresh: bool = False) -> Lines:
        load, lines = "s8::near" if count > 2 else "load_half", []
        if width == 4:
            lines += [f"const s8 q{row} = {load}(x{row} + 2 * c);" for row in range(rows)]
        for step, row in ((step, row) for step in range(count) for row in range(rows)):
            for lanes in sorted({lanes for lanes, _ in parts}):
                pair = f"lane<{step}>(q{row})" if width == 4 else f"pair<s{2 * lanes}>(x{row} + 2 * (c + {step}))"
                lines.append(f"const auto b{row}_{step}_{lanes} = {pair};")
            for lanes, offset in parts:
                factor = f"s{2 * lanes}::load(u{row % 2} + ((c + {step}) * {outer} + {offset}) * 2)"
                sums, value = f"a{row}_{offset}", f"b{row}_{step}_{lanes}"
                made = f"times({value}, {factor})" if fresh and step == 0 else f"madd({sums}, {value}, {factor})"
                lines.append(f"{sums} = pinned({made});")
        return lines

    return steps


def _narrowed(sums: list[str], stage: Stage) -> str:
    """The activations of eight int32 in one or two vectors, or of four int32."""
    return _activated(f"narrow({', '.join(f'shifted<{stage.shift}>({name})' for name in sums)})", stage)


def _activated(value: str, stage: Stage) -> str:
    """LeakyReLU and clamp; clamps from below only if the slope makes that necessary."""
    return f"activated<{str(stage.slope > LIMIT).lower()}>({value}, {stage.slope})"


def _groups(outer: int, width: int) -> list[tuple[list[int], int, int]]:
    """The sums that are narrowed together: [(lanes of the one or two vectors, start, end), ...]."""
    most, whole = [8] if width == 8 else [4, 4], outer // 8 * 8
    return [group for group in ((most, 0, whole), ([4], whole, outer)) if group[1] < group[2]]
