"""Generates C++ code that computes 3x3 convolutions with max pooling, four outputs (one pooled pixel) at a time.

The code follows Lavin & Gray, Fast Algorithms for Convolutional Neural Networks, 2016: a tile of 4x4 inputs is
transformed by additions, multiplied by 16 factors per channel, and transformed back to 2x2 outputs. The result
differs from that of a direct convolution only by rounding errors.
"""

from collections.abc import Callable

from robot_export.cpp.products import ACCUMULATORS, Lines, Stage, accumulate, chunks, pieces, runs, steps


def transform(kind: str, load: Callable[[int, int], str], keep: Callable[[int, str], str]) -> Lines:
    """Generates the transform of a tile's 4x4 inputs, which are vectors of type `kind`.

    The order of the rows saves registers.
    load: (row, column) -> expression for one input. keep: (index 0..15, expression) -> statement that stores a result.
    """
    lines = []
    for row in (1, 2, 0, 3):
        d = [f"d{row}{column}" for column in range(4)]
        lines += [f"const {kind} {d[column]} = {load(row, column)};" for column in range(4)]
        sums = (f"{d[0]} - {d[2]}", f"{d[1]} + {d[2]}", f"{d[2]} - {d[1]}", f"{d[1]} - {d[3]}")
        lines += [f"const {kind} r{row}{index} = {value};" for index, value in enumerate(sums)]
        for index in range(4):
            if row == 2:
                lines += [keep(4 + index, f"r1{index} + r2{index}"), keep(8 + index, f"r2{index} - r1{index}")]
            elif row == 0:
                lines.append(keep(index, f"r0{index} - r2{index}"))
            elif row == 3:
                lines.append(keep(12 + index, f"r1{index} - r3{index}"))
    return lines


def pooled(kind: str, result: str, product: Callable[[int], str]) -> Lines:
    """Generates the transform of 16 products back to a tile's four outputs, and the maximum of these outputs.

    The code does not yet add the bias or apply the activation function.
    result: the name of the new constant; other names start with it. product: index 0..15 -> expression for one product.
    """
    n, lines = result, []
    for column in range(4):
        lines += [
            f"const {kind} {n}b{column} = {product(4 + column)}, {n}c{column} = {product(8 + column)};",
            f"const {kind} {n}t{column} = {product(column)} + ({n}b{column} + {n}c{column});",
            f"const {kind} {n}u{column} = {n}b{column} - {n}c{column} - {product(12 + column)};",
        ]
    return [*lines, *largest(kind, n)]


def largest(kind: str, n: str) -> Lines:
    """Generates the last part of the transform, and the maximum of its outputs.

    The inputs are {n}t0 to {n}t3 and {n}u0 to {n}u3.
    """
    rows = [
        f"const {kind} {row} = larger({row}0 + ({row}1 + {row}2), {row}1 - {row}2 - {row}3);"
        for row in (f"{n}t", f"{n}u")
    ]
    return [*rows, f"const {kind} {n} = larger({n}t, {n}u);"]


def first_convolution(stage: Stage) -> Lines:
    """Generates the first convolution. A vector contains several tiles, because there are few channels and many tiles.

    The code reads `in`, a patch in the layout `Spread`. It writes `out`, [row][column][channel], except its border.
    """
    width, tiles, count, channels = stage.width, stage.tiles, stage.outer, stage.channels
    kind = stage.vector(width)

    def product(index):
        terms = [
            (f"{kind}::load(v + {(16 * c + index) * width})", f"factor<{kind}>(u, {16 * c + index})")
            for c in range(channels)
        ]
        text = " * ".join(terms[0])
        for value, factor in terms[1:]:
            text = f"madd({text}, {value}, {factor})"
        return text

    lines = transformed_pixels(stage, width)
    for quarter in range(width // 4):
        tile = f"t + {4 * quarter}"
        row = f"(({tile}) / {tiles} + 1) * {tiles + 2} + ({tile}) % {tiles} + 1"
        lines.append(f"float* const p{quarter} = out + ({row}) * {count};")
    lines += ["const float* u = factors1;", f"for (int o = 0; o < {count}; o += 4) {{"]
    for q in range(4):
        lines += [f"{kind} y{q};", "{", *pooled(kind, "m", product)]
        lines += [f"y{q} = leaky(m + {kind}::all(bias1[o + {q}]), {stage.slope:.9g}f);", "}"]
        lines.append(f"u += {16 * channels} * BALL_REPEAT;")
    lines.append("transpose(y0, y1, y2, y3);")
    for quarter in range(width // 4):
        lines += [f"store(p{quarter} + {q * count} + o, quarter<{quarter}>(y{q}));" for q in range(4)]
    return [*lines, "}", "}"]


def transformed_pixels(stage: Stage, lanes: int) -> Lines:
    """Opens the loop over the tiles `t` of a patch, and stores the transformed tiles of one vector in `v`."""
    tiles, channels, kind = stage.tiles, stage.channels, stage.vector(stage.width)
    plane = (tiles + 1) * tiles
    lines = [f"for (int t = 0; t < {tiles**2}; t += {lanes}) {{"]
    lines.append(f"alignas(64) Number v[{16 * channels * lanes}];")
    for c in range(channels):
        lines += ["{", *transform(
            kind,
            lambda row, x, c=c: f"{kind}::load(in + {(8 * c + 2 * x + row % 2) * plane + row // 2 * tiles} + t)",
            lambda index, value, c=c: f"store(v + {(16 * c + index) * lanes}, {value});",
        ), "}"]  # fmt: skip
    return lines


def convolution(stage: Stage, border: int) -> Lines:
    """Generates the second or third convolution. A vector contains output channels, and each input is broadcast once.

    The code reads `in`, [row][column][channel], with a border of one pixel. It writes `out` in the same order, with a
    border of zero or one pixel.
    """
    side, tiles, block, inner, outer = stage.side, stage.tiles, stage.block, stage.inner, stage.outer
    lines = [
        f"for (int first = 0; first < {tiles * tiles}; first += {block}) {{",
        f"alignas(64) float v[{block * 16 * inner}], m[{block * 16 * outer}];",
        f"for (int i = 0; i < {block}; ++i) {{",
        f"const int y = (first + i) / {tiles} * 2, x = (first + i) % {tiles} * 2;",
        f"const float* const p = in + (y * {side + 2} + x) * {inner};",
        f"float* const q = v + i * {16 * inner};",
    ]
    for lanes, start, end in runs(pieces(inner, stage.width)):
        lines += [f"for (int c = {start}; c < {end}; c += {lanes}) {{", *transform(
            f"f{lanes}",
            lambda row, x, n=lanes: f"f{n}::load(p + {(row * (side + 2) + x) * inner} + c)",
            lambda index, value: f"store(q + {index * inner} + c, {value});",
        ), "}"]  # fmt: skip
    lines += ["}", "for (int k = 0; k < 16; ++k) {", *_row_of_factors(stage), *_products(stage), "}"]
    lines += [
        f"for (int i = 0; i < {block}; ++i) {{",
        f"const int y = (first + i) / {tiles}, x = (first + i) % {tiles};",
        f"float* const p = out + ((y + {border}) * {tiles + 2 * border} + x + {border}) * {outer};",
        f"const float* const q = m + i * {16 * outer};",
    ]
    for lanes, start, end in runs(pieces(outer, stage.width)):
        kind = f"f{lanes}"
        lines += [
            f"for (int c = {start}; c < {end}; c += {lanes}) {{",
            *pooled(kind, "top", lambda index, kind=kind: f"{kind}::load(q + {index * outer} + c)"),
            f"store(p + c, leaky(top + {kind}::load(bias{stage.number} + c), {stage.slope:.9g}f));",
            "}",
        ]
    return [*lines, "}", "}"]


def is_short(stage: Stage) -> bool:
    """Returns whether the third row of factors is computed from the other rows instead of stored.

    Computing it is faster if all tiles are one block and the factors do not fit into the robot's L1 cache of 24 kB.
    """
    return stage.tiles < 4 and 64 * stage.channels * stage.outer > 24 * 1024


def _row_of_factors(stage: Stage) -> Lines:
    """Generates the declaration of `factors`, the factors for position `k` of a tile."""
    floats, number = stage.channels * stage.outer, stage.number
    if not is_short(stage):
        return [f"const float* const factors = factors{number} + k * {floats};"]
    lanes = 8 if stage.width > 4 and floats % 8 == 0 else 4
    first, second, last = (f"f{lanes}::load(factors - {back * floats} + c)" for back in (8, 4, 0))
    return [
        f"const float* factors = factors{number} + (k < 8 ? k : k - 4) * {floats};",
        f"alignas(64) float third[{floats}];",
        "if (k / 4 == 2) {  // of the rows of G g G^T, the third is the first plus the last minus the second",
        f"factors += {4 * floats};",
        f"for (int c = 0; c < {floats}; c += {lanes}) store(third + c, {first} + ({last} - {second}));",
        "factors = third;",
        "}",
    ]


def _products(stage: Stage) -> Lines:
    """Generates the sums of inputs times factors over the input channels, at position `k` of a block of tiles."""
    lines, block = [], stage.block
    for loop, parts in chunks(stage.outer, stage.width):
        most = ACCUMULATORS[stage.width] // len(parts)
        together = max(n for n in (1, 2, 4) if n == 1 or (n <= most and block % n == 0))
        lines += [loop, f"for (int i = 0; i < {block}; i += {together}) {{"]
        lines.append("const float* const u0 = opaque(factors + o);")
        for tile in range(together):
            lines.append(f"const float* const x{tile} = v + ((i + {tile}) * 16 + k) * {stage.inner};")
            lines += [f"f{lanes} a{tile}_{offset};" for lanes, offset in parts]
        lines += accumulate(stage.channels, steps(stage, together, parts), fresh=True)
        for tile in range(together):
            lines.append(f"float* const y{tile} = m + ((i + {tile}) * 16 + k) * {stage.outer} + o;")
            lines += [f"store(y{tile} + {offset}, a{tile}_{offset});" for _, offset in parts]
        lines += ["}", "}"]
    return lines
