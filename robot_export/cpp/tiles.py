"""C++ text of 3x3 convolutions with maximum pooling, four outputs (one pooled pixel) at a time.

The code follows Lavin & Gray, Fast Algorithms for Convolutional Neural Networks, 2016: inputs of 4x4 are transformed
by additions, multiplied by 16 factors per channel, and transformed back to 2x2 outputs. Rounding errors are those of a
few more additions; nothing is approximated.
"""

from collections.abc import Callable

from robot_export.cpp.products import ACCUMULATORS, Lines, accumulate, chunks, pieces
from robot_export.cpp.weights import padded


def transform(kind: str, load: Callable[[int, int], str], keep: Callable[[int, str], str]) -> Lines:
    """Transforms the 4x4 inputs of a tile; rows in the order that needs the fewest registers.

    Args:
        kind: the vector type.
        load: (row, column) -> expression of one input.
        keep: (index 0..15, expression) -> statement that takes one result.
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
    """Transforms 16 products back to the tile's four outputs and takes the largest; bias and activation come after.

    Args:
        kind: the vector type.
        result: name of the new constant; other names are derived from it.
        product: index 0..15 -> expression.
    """
    n, lines = result, []
    for column in range(4):
        lines += [
            f"const {kind} {n}b{column} = {product(4 + column)}, {n}c{column} = {product(8 + column)};",
            f"const {kind} {n}t{column} = {product(column)} + ({n}b{column} + {n}c{column});",
            f"const {kind} {n}u{column} = {n}b{column} - {n}c{column} - {product(12 + column)};",
        ]
    for half in "tu":
        a, b, c, d = (f"{n}{half}{column}" for column in range(4))
        lines.append(f"const {kind} {n}{half} = larger({a} + ({b} + {c}), {b} - {c} - {d});")
    return [*lines, f"const {kind} {n} = larger({n}t, {n}u);"]


def first_convolution(side: int, channels: int, outputs: int, slope: float, width: int) -> Lines:
    """The first convolution: tiles in the lanes, for there are few channels and many tiles.

    Reads `in`, the Spread patch; writes `out` [row][column][channel] inside its border.
    """
    kind, tiles, count = f"f{width}", side // 2, padded(outputs)
    plane = (tiles + 1) * tiles

    def load(channel):
        def at(row, column):
            offset = channel * 8 * plane + (column * 2 + row % 2) * plane + row // 2 * tiles
            return f"{kind}::load(in + {offset} + t)"

        return at

    def product(index):
        terms = [
            (f"{kind}::load(v + {(16 * c + index) * width})", f"{kind}::factor(u, {16 * c + index})")
            for c in range(channels)
        ]
        text = " * ".join(terms[0])
        for value, factor in terms[1:]:
            text = f"madd({text}, {value}, {factor})"
        return text

    lines = [f"for (int t = 0; t < {tiles * tiles}; t += {width}) {{", f"alignas(64) float v[{16 * channels * width}];"]
    for c in range(channels):
        keep = lambda index, value, c=c: f"store(v + {(16 * c + index) * width}, {value});"  # noqa: E731
        lines += ["{", *transform(kind, load(c), keep), "}"]
    for quarter in range(width // 4):
        tile = f"t + {4 * quarter}"
        row = f"(({tile}) / {tiles} + 1) * {tiles + 2} + ({tile}) % {tiles} + 1"
        lines.append(f"float* const p{quarter} = out + ({row}) * {count};")
    lines += ["const float* u = factors1;", f"for (int o = 0; o < {count}; o += 4) {{"]
    for q in range(4):
        lines += [f"{kind} y{q};", "{", *pooled(kind, "m", product)]
        lines += [f"y{q} = leaky(m + {kind}::all(bias1[o + {q}]), {slope:.9g}f);", "}"]
        lines.append(f"u += {16 * channels} * BALL_REPEAT;")
    lines.append("transpose(y0, y1, y2, y3);")
    for quarter in range(width // 4):
        lines += [f"store(p{quarter} + {q * count} + o, quarter<{quarter}>(y{q}));" for q in range(4)]
    return [*lines, "}", "}"]


def convolution(number: int, side: int, channels: int, outputs: int, slope: float, border: int, width: int) -> Lines:
    """A later convolution: output channels in the lanes, one broadcast per input and all of them.

    Reads `in` [row][column][channel] with a border of 1; writes `out` likewise, with the border given.

    Args:
        number: of the convolution, from 1.
        side: of its input.
        border: 0 or 1, of its output.
        width: the widest vectors.
    """
    tiles, inner, outer = side // 2, padded(channels), padded(outputs)
    block = tiles if tiles >= 4 else tiles * tiles
    lines = [
        f"for (int first = 0; first < {tiles * tiles}; first += {block}) {{",
        f"alignas(64) float v[{block * 16 * inner}], m[{block * 16 * outer}];",
        f"for (int i = 0; i < {block}; ++i) {{",
        f"const int y = (first + i) / {tiles} * 2, x = (first + i) % {tiles} * 2;",
        f"const float* const p = in + (y * {side + 2} + x) * {inner};",
        f"float* const q = v + i * {16 * inner};",
    ]
    for group in runs(pieces(inner, width)):
        lines += _each(group, lambda kind: transform(
            kind,
            lambda row, column: f"{kind}::load(p + {(row * (side + 2) + column) * inner} + c)",
            lambda index, value: f"store(q + {index * inner} + c, {value});",
        ))  # fmt: skip
    lines += ["}", "for (int k = 0; k < 16; ++k) {", *_row_of_factors(number, side, channels, outer, width)]
    lines += [*_products(channels, inner, outer, block, width), "}"]
    lines += [
        f"for (int i = 0; i < {block}; ++i) {{",
        f"const int y = (first + i) / {tiles}, x = (first + i) % {tiles};",
        f"float* const p = out + ((y + {border}) * {tiles + 2 * border} + x + {border}) * {outer};",
        f"const float* const q = m + i * {16 * outer};",
    ]
    for group in runs(pieces(outer, width)):
        lines += _each(group, lambda kind: [
            *pooled(kind, "top", lambda index: f"{kind}::load(q + {index * outer} + c)"),
            f"store(p + c, leaky(top + {kind}::load(bias{number} + c), {slope:.9g}f));",
        ])  # fmt: skip
    return [*lines, "}", "}"]


def runs(parts: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """[(lanes, offset), ...] -> [(lanes, first offset, end), ...] with equal lanes together."""
    found = []
    for lanes, offset in parts:
        if found and found[-1][0] == lanes:
            found[-1] = (lanes, found[-1][1], offset + lanes)
        else:
            found.append((lanes, offset, offset + lanes))
    return found


def _each(run: tuple[int, int, int], body: Callable[[str], Lines]) -> Lines:
    lanes, start, end = run
    return [f"for (int c = {start}; c < {end}; c += {lanes}) {{", *body(f"f{lanes}"), "}"]


def is_short(side: int, channels: int, outer: int) -> bool:
    """Whether the third row of factors is left out and computed: where that costs little and saves much.

    That is where all tiles are one block, and the factors more than the 24 kB of the robot's first cache.
    """
    return side // 2 < 4 and 64 * channels * outer > 24 * 1024


def _row_of_factors(number: int, side: int, channels: int, outer: int, width: int) -> Lines:
    """Declares `factors`, those of position k."""
    floats = channels * outer
    if not is_short(side, channels, outer):
        return [f"const float* const factors = factors{number} + k * {floats};"]
    lanes = 8 if width > 4 and floats % 8 == 0 else 4
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


def _products(channels: int, inner: int, outer: int, block: int, width: int) -> Lines:
    """Sums over the input channels of input times factor, for one of the 16 positions `k` and a block of tiles."""
    lines = []
    for loop, parts in chunks(outer, width):
        fit = ACCUMULATORS[width] // len(parts)
        together = max(n for n in (1, 2, 4) if n == 1 or (n <= fit and block % n == 0))
        lines += [loop, f"for (int i = 0; i < {block}; i += {together}) {{"]
        lines.append("const float* const u = opaque(factors + o);")
        for tile in range(together):
            lines.append(f"const float* const x{tile} = v + ((i + {tile}) * 16 + k) * {inner};")
            lines += [f"f{lanes} a{tile}_{offset};" for lanes, offset in parts]
        lines += accumulate(channels, outer, together, parts, width, fresh=True)
        for tile in range(together):
            lines.append(f"float* const y{tile} = m + ((i + {tile}) * 16 + k) * {outer} + o;")
            lines += [f"store(y{tile} + {offset}, a{tile}_{offset});" for _, offset in parts]
        lines += ["}", "}"]
    return lines
