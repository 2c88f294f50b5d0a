"""Generates C++ code for the layers in int16, with tiles as in convolutions.py and sums of products in int32."""

from dataclasses import replace

from robot_export.cpp import dense, layers
from robot_export.cpp.convolutions import largest, pooled, transform, transformed_pixels
from robot_export.cpp.int16_quantise import LIMIT, Int16Network
from robot_export.cpp.products import ACCUMULATORS, Lines, Pieces, Stage, accumulate, pieces, runs, steps
from robot_export.folded_network import FoldedNetwork

WIDTHS = (8, 4)  # int32 values per vector: 8 with AVX2, 4 on all other machines


def plan(network: FoldedNetwork, whole: Int16Network, width: int) -> list[Stage]:
    """Describes the six layers for vectors of at most `width` sums."""
    stages = zip(layers.plan(network, width), whole.layers, strict=True)
    return [replace(stage, group=2, slope=layer.slope, shift=layer.shift) for stage, layer in stages]


def bodies(first: Stage, second: Stage, third: Stage, fourth: Stage, hidden: Stage, answer: Stage) -> list[Lines]:
    """Generates the lines of C++ code for each layer."""
    return [
        _first(first),
        _tiled(second, border=True),
        _tiled(third, border=False),
        dense.small_convolution(fourth, _keep),
        dense.dense(hidden, _keep),
        dense.dense(answer, _keep_sums),
    ]


def _first(stage: Stage) -> Lines:
    """Generates the first convolution. A vector contains several tiles. Each product is rounded to int16.

    The code reads `in`, a patch in the layout `Spread`, and writes `out`, a feature map with a border.
    """
    lanes, count, size = 2 * stage.width, stage.outer, 16 * stage.channels + 1
    kind = stage.vector(stage.width)

    def product(index, output):
        terms = (
            f"scaled({kind}::load(v + {i * lanes}), factor<{kind}>(u, {output * size + i}))"
            for i in range(index, size - 1, 16)
        )
        return f"({' + '.join(terms)})"

    lines = transformed_pixels(stage, lanes)
    lines.append(f"alignas(64) Number y[{count * lanes}];")
    lines.append("const Number* u = factors1;")
    lines.append(f"for (int o = 0; o < {count}; o += 4, u += {4 * size} * BALL_REPEAT) {{")
    for q in range(4):
        lines += ["{", *pooled(kind, "m", lambda index, q=q: product(index, q))]
        value = f"m + factor<{kind}>(u, {q * size + size - 1})"
        lines += [f"store(y + (o + {q}) * {lanes}, {_activated(value, stage)});", "}"]
    return [*lines, "}", *_turned(stage, lanes), "}"]


def _turned(stage: Stage, lanes: int) -> Lines:
    """Transposes `y`, which is [channel][tile] and starts at tile `t`, and stores the result in the feature map."""
    tiles, count = stage.tiles, stage.outer
    lines = [
        f"for (int i = 0; i < {lanes}; i += 8) {{",  # eight tiles; the first one is at an even column
        f"const int row = (t + i) / {tiles} + 1, column = (t + i) % {tiles};",
        f"Number* const p = out + row * {(tiles + 2) * count} + column * {count // 2};",
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
    return [*lines, "}"]


def _tiled(stage: Stage, border: bool) -> Lines:
    """Generates the second or third convolution, whose input has a border. border: whether the output has a border."""
    tiles, block, inner = stage.tiles, stage.block, stage.inner
    row, plane = (stage.side + 2) * inner, (tiles + 1) * inner
    lines = [
        f"for (int first = 0; first < {tiles * tiles}; first += {block}) {{",
        f"alignas(64) Number v[{16 * block * inner}];",
        f"alignas(64) Sum m[{8 * block * stage.outer}];",
        f"for (int r = 0; r < {block // tiles}; ++r) {{",
        f"const Number* const p = in + (first / {tiles} + r) * {2 * row};",
        f"Number* const q = v + r * {tiles * inner};",
    ]
    for lanes, start, end in runs(pieces(tiles * inner // 2, stage.width)):
        lines += [f"for (int c = {2 * start}; c < {2 * end}; c += {2 * lanes}) {{", *transform(
            f"s{2 * lanes}",
            lambda y, x, n=lanes: f"s{2 * n}::near(p + {y * row + x % 2 * plane + x // 2 * inner} + c)",
            lambda index, value: f"store(q + {index * block * inner} + c, {value});",
        ), "}"]  # fmt: skip
    return [*lines, "}", *_products(stage), *_outputs(stage, border), "}"]


def _outputs(stage: Stage, border: bool) -> Lines:
    """Takes the largest of each tile's four outputs, and applies the activation function to it."""
    tiles, block, outer, lines = stage.tiles, stage.block, stage.outer, []
    # In a map with a border, the first of two neighbouring tiles is at an odd column, and the second at an even column.
    place = f"((first + i) / {tiles} + 1) * {(tiles + 2) * outer} + (first + i) % {tiles} / 2 * {outer}"
    places = ((tiles // 2 + 1) * outer, outer) if border else (0, outer)
    lines += [f"for (int i = 0; i < {block}; i += 2) {{", f"const Sum* const q = m + i * {8 * outer};"]
    lines.append(f"Number* const p = out + {place if border else f'(first + i) * {outer}'};")
    for vectors, start, end in _groups(outer, stage.width):
        sums = []
        lines.append(f"for (int c = {start}; c < {end}; c += {sum(vectors)}) {{")
        for tile in range(2):
            for index, lanes in enumerate(vectors):
                name, kind, at = f"g{tile}{index}", f"w{lanes}", f"c + {lanes * index}"
                for number, value in enumerate(f"{name}{half}{column}" for column in range(4) for half in "tu"):
                    load = f"{kind}::load(q + {(8 * tile + number) * outer} + {at})"
                    lines.append(f"const {kind} {value} = {load};")
                lines += largest(kind, name)
                sums.append(f"{name} + {kind}::load(bias{stage.number} + {at})")
            if vectors != [4]:
                lines.append(f"store(p + {places[tile]} + c, {_narrowed(sums, stage)});")
                sums = []
        if sums:
            lines.append(f"const s8 both = {_narrowed(sums, stage)};")
            lines += [f"store_half<{half}>(p + {place} + c, both);" for half, place in enumerate(places)]
        lines.append("}")
    return [*lines, "}"]


def _products(stage: Stage) -> Lines:
    """Generates the sums over pairs of input channels, and the first half of the transform back to outputs.

    For the products a, b, c and d of a column of a tile, this half computes a + b + c and b - c - d. The code
    computes b and c first. It then adds the products for a to b + c, and the products for -d to b - c, so no further
    additions are necessary.
    """
    width, block, inner, outer, pairs = stage.width, stage.block, stage.inner, stage.outer, -(-stage.channels // 2)
    most, size, lines = ACCUMULATORS[width] // 2 * width, 2 * pairs * outer, []
    for start in range(0, outer, most):
        parts = pieces(min(most, outer - start), width)
        together = max(n for n in (1, 2, 4) if n * 2 * len(parts) <= ACCUMULATORS[width] and block % n == 0)
        sums = [(2 * tile + half, at, lanes) for tile in range(together) for half in range(2) for lanes, at in parts]
        lines += [
            "for (int column = 0; column < 4; ++column) {",
            f"const Number* x = v + column * {block * inner};",
            f"Sum* y = m + column * {2 * outer} + {start};",
            f"for (int i = 0; i < {block}; i += {together}, x += {together * inner}, y += {together * 8 * outer}) {{",
            f"const Number* const u = opaque(factors{stage.number} + column * {4 * size} + {2 * start});",
            *(f"w{lanes} a{row}_{at};" for row, at, lanes in sums),
        ]
        for rows, order in (((1, 2), 0), ((0, 3), 2)):
            lines.append("{")
            for half, row in enumerate(rows):
                lines.append(f"const Number* const u{half} = u + {(order + half) * size};")
                for tile in range(together):
                    place = (row * 4 * block + tile) * inner
                    lines.append(f"const Number* const x{2 * tile + half} = x + {place};")
            lines += [*accumulate(pairs, steps(stage, 2 * together, parts, sources=2), fresh=order == 0), "}"]
            for row, at, lanes in sums:
                if order == 0 and row % 2 == 0:
                    b, c = f"a{row}_{at}", f"a{row + 1}_{at}"
                    lines.append(f"{{ const w{lanes} b = {b}; {b} = b + {c}; {c} = b - {c}; }}")
        lines += [f"store(y + {row // 2 * 8 * outer + row % 2 * outer + at}, a{row}_{at});" for row, at, _ in sums]
        lines += ["}", "}"]
    return lines


def _keep(stage: Stage, parts: Pieces, to: str) -> Lines:
    """Generates the code that stores the activations of the sums, eight or four at a time."""
    lines = []
    for vectors, start, end in _groups(sum(parts[-1]), stage.width):
        store = "store_half<0>" if vectors == [4] else "store"
        for at in range(start, end, sum(vectors)):
            sums = [f"a0_{at + lanes * index}" for index, lanes in enumerate(vectors)]
            lines.append(f"{store}({to} + {at}, {_narrowed(sums, stage)});")
    return lines


def _keep_sums(_: Stage, parts: Pieces, to: str) -> Lines:
    return [f"store({to} + {at}, a0_{at});" for _, at in parts]


def _narrowed(sums: list[str], stage: Stage) -> str:
    """Generates the activations of eight int32 sums in one or two vectors, or of four int32 sums in one vector."""
    return _activated(f"narrow({', '.join(f'shifted<{stage.shift}>({name})' for name in sums)})", stage)


def _activated(value: str, stage: Stage) -> str:
    """Generates LeakyReLU and clamping. Low values are clamped only if the slope makes this necessary."""
    return f"activated<{str(stage.slope > LIMIT).lower()}>({value}, {stage.slope})"


def _groups(outer: int, width: int) -> list[tuple[list[int], int, int]]:
    """Lists the groups of sums that are narrowed to int16 together: [([lanes of each vector], start, end), ...]."""
    most, whole = [8] if width == 8 else [4, 4], outer // 8 * 8
    return [group for group in ((most, 0, whole), ([4], whole, outer)) if group[1] < group[2]]
