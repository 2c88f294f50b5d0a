"""C++ text of the layers in int16: tiles as in cpp_tiles, products of pairs of inputs, summed in int32."""

from robot_export.cpp.header import function
from robot_export.cpp.int16_quantise import LIMIT, Int16Layer, Int16Network
from robot_export.cpp.products import ACCUMULATORS, Lines, chunks, pieces
from robot_export.cpp.tiles import pooled, runs, transform
from robot_export.cpp.weights import padded
from robot_export.folding import FoldedNetwork

WIDTHS = (8, 4)  # int32 per vector: AVX2; SSE, NEON and any other machine


def text(network: FoldedNetwork, whole: Int16Network) -> str:
    """One function per layer; a set of them for each width of vectors."""
    side, channels = network.input_shape[0], network.input_shape[2]
    one, two, three, four, hidden, answer = whole.layers
    inner = [padded(len(layer.bias)) for layer in network.convolutions]
    used = [-(-layer.weights.shape[2] // 2) for layer in network.convolutions]
    parts = []
    for width in WIDTHS:
        bodies = [
            _first(side, channels, one, width),
            _tiled(2, side // 2, used[1], inner[0], two, True, width),
            _tiled(3, side // 4, used[2], inner[1], three, False, width),
            _small(side // 8, inner[2], four, width),
            _sums("5", [0], (side // 8 - 1) ** 2 * inner[3], hidden, width),
            _sums("6", [0], len(answer.factors), answer, width),
        ]
        parts.append(f"#{'if' if width == WIDTHS[0] else 'elif'} BALL_WIDTH == {width}")
        for number, body in enumerate(bodies, 1):
            kinds = "std::int16_t", "std::int32_t" if number == 6 else "std::int16_t"
            parts.append(function(f"layer{number}", body, *kinds))
    return "\n".join([*parts, "#endif"])


def _first(side: int, channels: int, layer: Int16Layer, width: int) -> Lines:
    """The first convolution, tiles in the lanes: products are rounded to int16 one by one.

    Reads `in`, the Spread patch; writes `out`, a map with a border.
    """
    lanes, tiles, count, size = 2 * width, side // 2, len(layer.bias), 16 * channels + 1
    kind, plane = f"s{lanes}", (tiles + 1) * tiles

    def product(index, output):
        terms = (
            f"scaled({kind}::load(v + {i * lanes}), factor<{kind}>(u, {output * size + i}))"
            for i in range(index, 16 * channels, 16)
        )
        return f"({' + '.join(terms)})"

    lines = [f"for (int t = 0; t < {tiles * tiles}; t += {lanes}) {{"]
    lines.append(f"alignas(64) std::int16_t v[{16 * channels * lanes}], y[{count * lanes}];")
    for c in range(channels):
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
        lines += [f"store(y + (o + {q}) * {lanes}, {_activated(value, layer)});", "}"]
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


def _tiled(number: int, side: int, used: int, inner: int, layer: Int16Layer, border: bool, width: int) -> Lines:
    """A later 3x3 convolution. Reads a map with a border; writes one, or [row][column][channel].

    Args:
        number: of the convolution, from 1.
        side: of its input.
        used: pairs of input channels that are not padding; inner: input channels with padding.
        layer: the factors and all that comes after them.
        border: whether the output has one.
        width: int32 in the widest vectors.
    """
    tiles, outer = side // 2, len(layer.bias)
    block = tiles if tiles >= 4 else tiles * tiles
    row, plane = (side + 2) * inner, (side // 2 + 1) * inner
    lines = [
        f"for (int first = 0; first < {tiles * tiles}; first += {block}) {{",
        f"alignas(64) std::int16_t v[{16 * block * inner}];",
        f"alignas(64) std::int32_t m[{8 * block * outer}];",
        f"for (int r = 0; r < {block // tiles}; ++r) {{",
        f"const std::int16_t* const p = in + (first / {tiles} + r) * {2 * row};",
        f"std::int16_t* const q = v + r * {tiles * inner};",
    ]
    for lanes, start, end in runs(pieces(tiles * inner // 2, width)):
        lines += [f"for (int c = {2 * start}; c < {2 * end}; c += {2 * lanes}) {{", *transform(
            f"s{2 * lanes}",
            lambda y, x, n=lanes: f"s{2 * n}::near(p + {y * row + x % 2 * plane + x // 2 * inner} + c)",
            lambda index, value: f"store(q + {index * block * inner} + c, {value});",
        ), "}"]  # fmt: skip
    lines += ["}", *_products(number, used, inner, outer, block, width)]
    # Two tiles beside each other: in a map with a border, the first is at an odd column, the second at an even one.
    place = f"((first + i) / {tiles} + 1) * {(tiles + 2) * outer} + (first + i) % {tiles} / 2 * {outer}"
    places = ((tiles // 2 + 1) * outer, outer) if border else (0, outer)
    lines += [f"for (int i = 0; i < {block}; i += 2) {{", f"const std::int32_t* const q = m + i * {8 * outer};"]
    lines.append(f"std::int16_t* const p = out + {place if border else f'(first + i) * {outer}'};")
    for vectors, start, end in _groups(outer, width):
        sums = []
        lines.append(f"for (int c = {start}; c < {end}; c += {sum(vectors)}) {{")
        for tile in range(2):
            for index, lanes in enumerate(vectors):
                name, kind, at = f"g{tile}{index}", f"w{lanes}", f"c + {lanes * index}"
                lines += _largest(name, kind, 8 * outer * tile, outer, at)
                sums.append(f"{name} + {kind}::load(bias{number} + {at})")
            if vectors != [4]:
                lines.append(f"store(p + {places[tile]} + c, {_narrowed(sums, layer)});")
                sums = []
        if sums:
            lines.append(f"const s8 both = {_narrowed(sums, layer)};")
            lines += [f"store_half<{half}>(p + {place} + c, both);" for half, place in enumerate(places)]
        lines.append("}")
    return [*lines, "}", "}"]


def _largest(name: str, kind: str, start: int, outer: int, at: str) -> Lines:
    """The largest of a tile's four outputs, of four columns of half transformed products each."""
    lines = []
    for half in range(2):
        a, b, c, d = (f"{name}{'tu'[half]}{column}" for column in range(4))
        for column, value in enumerate((a, b, c, d)):
            lines.append(f"const {kind} {value} = {kind}::load(q + {start + (2 * column + half) * outer} + {at});")
        lines.append(f"const {kind} {name}{'tu'[half]} = larger({a} + ({b} + {c}), {b} - {c} - {d});")
    return [*lines, f"const {kind} {name} = larger({name}t, {name}u);"]


def _products(number: int, used: int, inner: int, outer: int, block: int, width: int) -> Lines:
    """Sums over the pairs of input channels, and the first half of the way back: two sums per column of a tile.

    Of products a, b, c, d down a column these are a + b + c and b - c - d. The sums of a and of -d start where b + c
    and b - c have come to, so that these additions cost nothing.
    """
    most, size, lines = ACCUMULATORS[width] // 2 * width, 2 * used * outer, []
    for start in range(0, outer, most):
        parts = pieces(min(most, outer - start), width)
        together = max(n for n in (1, 2, 4) if n * 2 * len(parts) <= ACCUMULATORS[width] and block % n == 0)
        sums = [(2 * tile + half, at, lanes) for tile in range(together) for half in range(2) for lanes, at in parts]
        lines += [
            "for (int column = 0; column < 4; ++column) {",
            f"const std::int16_t* x = v + column * {block * inner};",
            f"std::int32_t* y = m + column * {2 * outer} + {start};",
            f"for (int i = 0; i < {block}; i += {together}, x += {together * inner}, y += {together * 8 * outer}) {{",
            f"const std::int16_t* const u = opaque(factors{number} + column * {4 * size} + {2 * start});",
            *(f"w{lanes} a{row}_{at};" for row, at, lanes in sums),
        ]
        for rows, order in (((1, 2), 0), ((0, 3), 2)):
            lines.append("{")
            for half, row in enumerate(rows):
                lines.append(f"const std::int16_t* const u{half} = u + {(order + half) * size};")
                for tile in range(together):
                    place = (row * 4 * block + tile) * inner
                    lines.append(f"const std::int16_t* const x{2 * tile + half} = x + {place};")
            lines += [*_accumulate(used, outer, 2 * together, parts, width, fresh=order == 0), "}"]
            for row, at, lanes in sums:
                if order == 0 and row % 2 == 0:
                    b, c = f"a{row}_{at}", f"a{row + 1}_{at}"
                    lines.append(f"{{ const w{lanes} b = {b}; {b} = b + {c}; {c} = b - {c}; }}")
        lines += [f"store(y + {row // 2 * 8 * outer + row % 2 * outer + at}, a{row}_{at});" for row, at, _ in sums]
        lines += ["}", "}"]
    return lines


def _small(side: int, inner: int, layer: Int16Layer, width: int) -> Lines:
    """The 2x2 convolution without padding; `in` and `out` are [row][column][channel]."""
    places, row = side - 1, f"i / {side - 1} * {side} + i % {side - 1}"
    body = _sums("4", [0, side * inner], 2 * inner, layer, width, f"({row}) * {inner} + ", f"i * {len(layer.bias)} + ")
    return [f"for (int i = 0; i < {places * places}; ++i) {{", *body, "}"]


def _sums(
    name: str, rows: list[int], count: int, layer: Int16Layer, width: int, source: str = "", to: str = ""
) -> Lines:
    """Rows of `count` inputs, which start at these offsets; padding is multiplied by zeros like everything else."""
    outer, lines = len(layer.bias), []
    for loop, parts in chunks(outer, width):
        lines += [loop, *(f"w{lanes} a0_{at} = w{lanes}::load(bias{name} + o + {at});" for lanes, at in parts)]
        for index, row in enumerate(rows):
            lines.append(f"{{ const std::int16_t* const x0 = in + {source}{row};")
            lines.append(f"const std::int16_t* const u0 = factors{name} + {index * count * outer} + 2 * o;")
            lines += [*_accumulate(count // 2, outer, 1, parts, width), "}"]
        if layer.slope is None:
            lines += [f"store(out + o + {at}, a0_{at});" for _, at in parts]
        for vectors, start, end in _groups(sum(parts[-1]), width) if layer.slope is not None else ():
            for at in range(start, end, sum(vectors)):
                sums = [f"a0_{at + lanes * index}" for index, lanes in enumerate(vectors)]
                store = "store_half<0>" if vectors == [4] else "store"
                lines.append(f"{store}(out + {to}o + {at}, {_narrowed(sums, layer)});")
        lines.append("}")
    return lines


def _accumulate(used: int, outer: int, rows: int, parts, width: int, fresh: bool = False) -> Lines:
    """a{row}_{offset} += pair c of x{row} times u{row % 2}[c][offset...], for all c; as cpp_products.accumulate."""
    whole, start, lines = used // 4 * 4, 4 * fresh, []
    if fresh:
        lines += ["{ const int c = 0;", *_steps(min(4, used), outer, rows, parts, width, fresh=True), "}"]
    if whole > start:
        lines += [f"for (int c = {start}; c < {whole}; c += 4) {{", *_steps(4, outer, rows, parts, width), "}"]
    if used > max(whole, start):
        lines += [f"{{ const int c = {whole};", *_steps(used - whole, outer, rows, parts, width), "}"]
    return lines


def _steps(count: int, outer: int, rows: int, parts, width: int, fresh: bool = False) -> Lines:
    load, lines = "s8::near" if count > 2 else "load_half", []
    if width == 4:
        lines += [f"const s8 q{row} = {load}(x{row} + 2 * c);" for row in range(rows)]
    for step in range(count):
        for row in range(rows):
            for lanes in sorted({lanes for lanes, _ in parts}):
                pair = f"lane<{step}>(q{row})" if width == 4 else f"pair<s{2 * lanes}>(x{row} + 2 * (c + {step}))"
                lines.append(f"const auto b{row}_{step}_{lanes} = {pair};")
            for lanes, offset in parts:
                factor = f"s{2 * lanes}::load(u{row % 2} + ((c + {step}) * {outer} + {offset}) * 2)"
                sums, value = f"a{row}_{offset}", f"b{row}_{step}_{lanes}"
                made = f"times({value}, {factor})" if fresh and step == 0 else f"madd({sums}, {value}, {factor})"
                lines.append(f"{sums} = pinned({made});")
    return lines


def _narrowed(sums: list[str], layer: Int16Layer) -> str:
    """The activations of eight int32 in one or two vectors, or of four."""
    return _activated(f"narrow({', '.join(f'shifted<{layer.shift}>({name})' for name in sums)})", layer)


def _activated(value: str, layer: Int16Layer) -> str:
    """LeakyReLU and clamp, that below only if the slope lets an int16 come there."""
    return f"activated<{str(layer.slope > LIMIT).lower()}>({value}, {layer.slope})"


def _groups(outer: int, width: int) -> list[tuple[list[int], int, int]]:
    """What is narrowed together: [(lanes of the one or two vectors, start, end), ...]."""
    most, whole = [8] if width == 8 else [4, 4], outer // 8 * 8
    return [group for group in ((most, 0, whole), ([4], whole, outer)) if group[1] < group[2]]
