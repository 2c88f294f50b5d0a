"""Generates C++ code for all layers, in float or int16: one function per layer, and a function that calls them."""

from collections.abc import Callable, Sequence

from robot_export.cpp.products import Lines, Stage
from robot_export.folded_network import FoldedNetwork


def plan(network: FoldedNetwork, width: int) -> list[Stage]:
    """Describes the six layers in float for vectors of at most `width` sums."""
    side, _, channels = network.input_shape
    layers = (*network.convolutions, *network.dense)
    sides, counts = (side, side // 2, side // 4, side // 8, side // 8 - 1, 1), [channels]
    counts += [len(layer.bias) for layer in layers]
    shapes = zip(sides, counts, counts[1:], layers, strict=False)
    return [Stage(number, *shape, layer.slope, width) for number, (*shape, layer) in enumerate(shapes, 1)]


def functions(widths: Sequence[int], bodies: Callable[[int], list[Lines]]) -> str:
    """Generates one function per layer for each vector width, starting with the largest width.

    bodies: width -> the lines of each function.
    """
    text = []
    for width in widths:
        text.append(f"#{'if' if width == widths[0] else 'elif'} BALL_WIDTH == {width}")
        text += [_function(number, body) for number, body in enumerate(bodies(width), 1)]
    return "\n".join([*text, "#endif"])


def _function(number: int, body: Lines) -> str:
    """Generates an indented C++ function that computes `out` from `in`; the last layer writes its sums to `out`."""
    depth, lines = 1, []
    for line in body:
        depth -= line.startswith("}")
        lines.append("  " * depth + line)
        depth += line.count("{") - line.count("}") + line.startswith("}")
    made = "Sum" if number == 6 else "Number"
    return "\n".join([f"static inline void layer{number}(const Number* in, {made}* out) {{", *lines, "}"])


def run(stages: list[Stage], outputs: Sequence[str]) -> str:
    """Generates the function that calls the layers. Its buffers are on the stack, and the first two maps have a border.

    stages: the result of `plan`. outputs: a C++ expression for each output, which uses `sums`.
    """
    first, second, third, fourth, hidden, _ = stages
    sizes = {
        "pixels": first.channels * 4 * first.side * (first.tiles + 1),
        "map1": (second.side + 2) ** 2 * first.outer,
        "map2": (third.side + 2) ** 2 * second.outer,
        "map3": fourth.side**2 * third.outer,
        "map4": hidden.side**2 * fourth.outer,
        "hidden": hidden.outer,
    }
    buffers = ", ".join(f"{name}[{size}]" for name, size in sizes.items())
    return f"""template <class Pixel> static inline
Answer answer(const Pixel* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, float bright) {{
  alignas(64) Number {buffers};
  alignas(16) Sum sums[4];
  spread<height, channels>(patch, rows, columns, bright, pixels);
  clear_border(map1, {second.side + 2}, {first.outer});
  clear_border(map2, {third.side + 2}, {second.outer});
  layer1(pixels, map1);
  layer2(map1, map2);
  layer3(map2, map3);
  layer4(map3, map4);
  layer5(map4, hidden);
  layer6(hidden, sums);
  const float out[] = {{{", ".join(outputs)}}};
  return to_answer(out);
}}"""
