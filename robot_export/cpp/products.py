"""Generates C++ for sums of products: single broadcast inputs times rows of factors, with all sums in registers."""

from collections.abc import Callable
from dataclasses import dataclass

from robot_export.cpp.weights import padded

Lines = list[str]
Pieces = list[tuple[int, int]]  # vectors of a row: (lanes, offset)
ACCUMULATORS = {4: 8, 8: 12, 16: 24}  # vector width: registers used for sums (the processors have 16, 16 and 32)


@dataclass(frozen=True)
class Stage:
    """A layer for the code generator.

    number: starts at 1. side: side of its input in pixels. channels, outputs: without padding. slope: LeakyReLU's.
    width: how many sums the widest vectors hold. group: how many inputs are multiplied at once, 1 in float and 2 in
    int16. shift: for the sums in int16.
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
        """The number of tiles of 2x2 outputs in a row."""
        return self.side // 2

    def sums(self, lanes: int) -> str:
        """The type of a vector of sums."""
        return f"f{lanes}" if self.group == 1 else f"w{lanes}"

    def vector(self, lanes: int) -> str:
        """The type of a vector of the factors for this many sums."""
        return f"f{lanes}" if self.group == 1 else f"s{2 * lanes}"

    @property
    def block(self) -> int:
        """How many tiles are computed together: one row, or all if there are few."""
        return self.tiles if self.tiles >= 4 else self.tiles**2


def chunks(floats: int, width: int) -> list[tuple[str, Pieces]]:
    """Divides a row of floats into pieces for the registers: [(opening of a block that starts at o, pieces), ...]."""
    most = ACCUMULATORS[width] * width
    whole = floats // most * most
    result = [(f"for (int o = 0; o < {whole}; o += {most}) {{", pieces(most, width))] if whole else []
    if floats > whole:
        result.append((f"{{ const int o = {whole};", pieces(floats - whole, width)))
    return result


def pieces(floats: int, width: int) -> Pieces:
    """Divides a row of floats, a multiple of 4, into vectors of at most `width`."""
    result, offset = [], 0
    while offset < floats:
        lanes = width
        while lanes > floats - offset:
            lanes //= 2
        result.append((lanes, offset))
        offset += lanes
    return result


def runs(parts: Pieces) -> list[tuple[int, int, int]]:
    """[(lanes, offset), ...] -> [(lanes, first offset, end), ...], joining equal lanes."""
    found = []
    for lanes, offset in parts:
        if found and found[-1][0] == lanes:
            found[-1] = (lanes, found[-1][1], offset + lanes)
        else:
            found.append((lanes, offset, offset + lanes))
    return found


def accumulate(count: int, steps: Callable[..., Lines], fresh: bool = False) -> Lines:
    """Generates a sum over `count` inputs `c`, four at a time; `fresh` if the sums have no value yet.

    steps: (number of inputs from c on, fresh) -> the lines that add their products, from `steps`.
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
    """Returns a function that generates steps of a{row}_{offset} += input c of x{row} * u{row % sources}[c][offset...].

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
