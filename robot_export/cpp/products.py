"""C++ text of sums of products: inputs, broadcast one by one, times rows of factors, all sums in registers."""

Lines = list[str]
ACCUMULATORS = {4: 8, 8: 12, 16: 24}  # of 16, 16 and 32 registers


def chunks(floats: int, width: int) -> list[tuple[str, list[tuple[int, int]]]]:
    """Cuts a row of floats into what the registers hold: [(opening of a block that starts at o, pieces), ...]."""
    most = ACCUMULATORS[width] * width
    whole = floats // most * most
    result = [(f"for (int o = 0; o < {whole}; o += {most}) {{", pieces(most, width))] if whole else []
    if floats > whole:
        result.append((f"{{ const int o = {whole};", pieces(floats - whole, width)))
    return result


def pieces(floats: int, width: int) -> list[tuple[int, int]]:
    """Cuts a row of floats, a multiple of 4, into vectors of at most `width`: [(lanes, offset), ...]."""
    result, offset = [], 0
    while offset < floats:
        lanes = width
        while lanes > floats - offset:
            lanes //= 2
        result.append((lanes, offset))
        offset += lanes
    return result


def accumulate(
    channels: int, outer: int, rows: int, chosen: list[tuple[int, int]], width: int, fresh: bool = False
) -> Lines:
    """a{row}_{offset} += x{row}[c] * u[c][offset...] for all c; every input is broadcast once for all its products.

    Args:
        channels: how many c there are.
        outer: floats in a row of u.
        rows: how many x there are.
        chosen: vectors of a row of u, (lanes, offset).
        width: the widest vectors.
        fresh: the sums have no value yet.
    """
    whole, lines = channels // 4 * 4, []
    if fresh:
        lines += ["{ const int c = 0;", *_steps(min(4, channels), outer, rows, chosen, width, fresh=True), "}"]
    start = 4 if fresh else 0
    if whole > start:
        lines += [f"for (int c = {start}; c < {whole}; c += 4) {{", *_steps(4, outer, rows, chosen, width), "}"]
    if channels > max(whole, start):
        lines += [f"{{ const int c = {whole};", *_steps(channels - whole, outer, rows, chosen, width), "}"]
    return lines


def _steps(count: int, outer: int, rows: int, chosen: list[tuple[int, int]], width: int, fresh: bool = False) -> Lines:
    lines = [f"const f4 q{row} = f4::load(x{row} + c);" for row in range(rows)] if width == 4 else []
    for step in range(count):
        for row in range(rows):
            for lanes in sorted({lanes for lanes, _ in chosen}):
                value = f"f4::lane<{step}>(q{row})" if width == 4 else f"f{lanes}::all(x{row}[c + {step}])"
                lines.append(f"const f{lanes} b{row}_{step}_{lanes} = {value};")
            for lanes, offset in chosen:
                factor = f"f{lanes}::load(u + (c + {step}) * {outer} + {offset})"
                name, value = f"a{row}_{offset}", f"b{row}_{step}_{lanes}"
                first = fresh and step == 0
                lines.append(
                    f"{name} = pinned({f'{value} * {factor}' if first else f'madd({name}, {value}, {factor})'});"
                )
    return lines
