"""Generates C++ code for sums of products: each input times a row of factors, with all sums in registers."""

from collections.abc import Callable
from dataclasses import dataclass

from robot_export.cpp.weights import padded

Lines = list[str]
Pieces = list[tuple[int, int]]  # the vectors of a row: (number of lanes, offset)
# The number of registers for sums, by vector width. Processors with these widths have 16, 16 and 32 vector registers.
ACCUMULATORS = {4: 8, 8: 12, 16: 24}


@dataclass(frozen=True)
class Stage:
    """A layer for the code generator.

    number: the number of the layer; the first layer is 1. side: the side of its input in pixels.
    channels, outputs: the number of input and output channels, without padding. slope: the slope of LeakyReLU.
    width: the maximum number of sums in a vector. shift: the shift of the sums in int16.
    group: the number of inputs that are multiplied at once: 1 in float, 2 in int16.
    """

    number: int
    side: int
    channels: int
    outputs: int
    slope: float
    width: int
    group: int = 1
    shift: int = 0

    @property
    def inner(self) -> int:
        """The number of input channels in memory, with padding."""
        return padded(self.channels)

    @property
    def outer(self) -> int:
        """The number of outputs in memory, with padding."""
        return padded(self.outputs)

    @property
    def tiles(self) -> int:
        """The number of tiles in a row; a tile has 2x2 outputs."""
        return self.side // 2

    def sums(self, lanes: int) -> str:
        """The C++ type of a vector of sums."""
        return f"f{lanes}" if self.group == 1 else f"w{lanes}"

    def vector(self, lanes: int) -> str:
        """The C++ type of a vector with the factors for this number of sums."""
        return f"f{lanes}" if self.group == 1 else f"s{2 * lanes}"

    @property
    def block(self) -> int:
        """The number of tiles that are computed together: one row, or all tiles if there are few."""
        return self.tiles if self.tiles >= 4 else self.tiles**2


def chunks(floats: int, width: int) -> list[tuple[str, Pieces]]:
    """Divides a row of floats into blocks that fit into the registers: [(first line of the C++ block, pieces), ...]."""
    most = ACCUMULATORS[width] * width
    whole = floats // most * most
    result = [(f"for (int o = 0; o < {whole}; o += {most}) {{", pieces(most, width))] if whole else []
    if floats > whole:
        result.append((f"{{ const int o = {whole};", pieces(floats - whole, width)))
    return result


def pieces(floats: int, width: int) -> Pieces:
    """Divides a row into vectors of at most `width` floats; the number of floats must be a multiple of four."""
    result, offset = [], 0
    while offset < floats:
        lanes = width
        while lanes > floats - offset:
            lanes //= 2
        result.append((lanes, offset))
        offset += lanes
    return result


def runs(parts: Pieces) -> list[tuple[int, int, int]]:
    """Joins neighbouring vectors of the same length: [(lanes, offset), ...] -> [(lanes, first offset, end), ...]."""
    found = []
    for lanes, offset in parts:
        if found and found[-1][0] == lanes:
            found[-1] = (lanes, found[-1][1], offset + lanes)
        else:
            found.append((lanes, offset, offset + lanes))
    return found


def accumulate(count: int, steps: Callable[..., Lines], fresh: bool = False) -> Lines:
    """Generates a sum over the inputs `c` from 0 to `count`, four inputs at a time.

    steps: the result of `steps`: (number of inputs from `c` on, fresh) -> lines that add the products of these inputs.
    fresh: whether the sums have no value yet.
    """
    whole, start, lines = count // 4 * 4, 4 * fresh, []
    if fresh:
        lines += ["{ const int c = 0;", *steps(min(4, count), fresh=True), "}"]
    if whole > start:
        lines += [f"for (int c = {start}; c < {whole}; c += 4) {{", *steps(4), "}"]
    if count > max(whole, start):
        lines += [f"{{ const int c = {whole};", *steps(count - whole), "}"]
    return lines


def steps(stage: Stage, rows: int, parts: Pieces, sources: int = 1) -> Callable[..., Lines]:
    """Returns a function that generates lines for a{row}_{offset} += x{row}[c] * u{row % sources}[c][offset...].

    Each input (in int16, each pair of inputs) is broadcast only once for all its products.
    """
    width, outer, group = stage.width, stage.outer, stage.group

    def made(count: int, fresh: bool = False) -> Lines:
        lines = []
        if width == 4:
            lines += [f"const auto q{row} = inputs<{count}>(x{row} + {group} * c);" for row in range(rows)]
        for step, row in ((step, row) for step in range(count) for row in range(rows)):
            for lanes in sorted({lanes for lanes, _ in parts}):
                whole = f"repeated<{stage.vector(lanes)}>(x{row} + {group} * (c + {step}))"
                value = f"lane<{step}>(q{row})" if width == 4 else whole
                lines.append(f"const auto b{row}_{step}_{lanes} = {value};")
            for lanes, offset in parts:
                place = f"u{row % sources} + {group} * ((c + {step}) * {outer} + {offset})"
                value = f"b{row}_{step}_{lanes}, {stage.vector(lanes)}::load({place})"
                name = f"a{row}_{offset}"
                product = f"times({value})" if fresh and step == 0 else f"madd({name}, {value})"
                lines.append(f"{name} = pinned({product});")
        return lines

    return made
