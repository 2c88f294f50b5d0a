"""Generates C++ for all layers in float: weights, a function per layer, and the function that calls them."""

import numpy as np

from robot_export.cpp import dense, tiles
from robot_export.cpp.products import Lines, Stage
from robot_export.cpp.weights import array, first_tiles, later_tiles, pad_inputs, pad_last
from robot_export.folded_network import FoldedNetwork

WIDTHS = (16, 8, 4)  # floats per vector: AVX-512, AVX2 with FMA, SSE4.1 and NEON


def plan(network: FoldedNetwork, width: int) -> list[Stage]:
    """The six layers, for vectors of at most this width."""
    side, _, channels = network.input_shape
    layers = (*network.convolutions, *network.dense)
    sides, counts = (side, side // 2, side // 4, side // 8, side // 8 - 1, 1), [channels]
    counts += [len(layer.bias) for layer in layers]
    shapes = zip(sides, counts, counts[1:], layers, strict=False)
    return [Stage(number, *shape, layer.slope, width) for number, (*shape, layer) in enumerate(shapes, 1)]


def sizes(stages: list[Stage]) -> dict[str, int]:
    """The number of values in each buffer; the first two maps have a border."""
    first, second, third, fourth, hidden, _ = stages
    return {
        "pixels": first.channels * 4 * first.side * (first.tiles + 1),
        "map1": (second.side + 2) ** 2 * first.outer,
        "map2": (third.side + 2) ** 2 * second.outer,
        "map3": fourth.side**2 * third.outer,
        "map4": hidden.side**2 * fourth.outer,
        "hidden": hidden.outer,
    }


def weights(network: FoldedNetwork) -> str:
    """All weights, in the order of use."""
    first, *later, last = network.convolutions
    factors = first_tiles(first.weights, network.scale)
    lines = [array("factors1", factors, macro="BALL_FACTOR"), array("bias1", pad_last(first.bias))]
    for stage, layer in zip(plan(network, 4)[1:], later, strict=False):
        factors = later_tiles(layer.weights)
        if tiles.is_short(stage):
            factors = np.delete(factors, range(8, 12), axis=0)
        lines += [array(f"factors{stage.number}", factors), array(f"bias{stage.number}", pad_last(layer.bias))]
    hidden, head = network.dense
    lines += [
        array("factors4", pad_last(pad_inputs(last.weights))),
        array("bias4", pad_last(last.bias)),
        array("factors_dense", pad_last(pad_inputs(hidden.weights.reshape(-1, len(last.bias), len(hidden.bias))))),
        array("bias_dense", pad_last(hidden.bias)),
        array("factors_head", pad_last(head.weights.T)),
        array("bias_head", head.bias),
        array("shift", np.array(network.offset) / network.scale),
    ]
    return "\n".join(lines)


def layers(network: FoldedNetwork) -> str:
    """One function per layer, for each vector width."""
    text = []
    for width in WIDTHS:
        first, second, third, fourth, hidden, answer = plan(network, width)
        bodies = [
            tiles.first_convolution(first),
            tiles.convolution(second, border=1),
            tiles.convolution(third, border=0),
            dense.small_convolution(fourth),
            dense.dense(hidden),
            dense.head(answer.channels, answer.outputs, network.head == "sigmoid"),
        ]
        text.append(f"#{'if' if width == WIDTHS[0] else 'elif'} BALL_WIDTH == {width}")
        text += [function(f"layer{number}", body) for number, body in enumerate(bodies, 1)]
    return "\n".join([*text, "#endif"])


def function(name: str, body: Lines, given: str = "float", made: str = "float") -> str:
    """A C++ function from `in` to `out` with these element types, indented."""
    depth, lines = 1, []
    for line in body:
        depth -= line.startswith("}")
        lines.append("  " * depth + line)
        depth += line.count("{") - line.count("}") + line.startswith("}")
    return "\n".join([f"static inline void {name}(const {given}* in, {made}* out) {{", *lines, "}"])


def run(network: FoldedNetwork) -> str:
    """The function that calls the layers, with all buffers on its stack."""
    first, second, third, *_ = stages = plan(network, 4)
    size = sizes(stages)
    buffers = ", ".join(f"{name}[{count}]" for name, count in size.items() if name != "pixels")
    return "\n".join(
        [
            f"static constexpr int spread_size = {size['pixels']};",
            "static inline void run(const float* spread, float* out) {",
            f"  alignas(64) float {buffers};",
            f"  clear_border(map1, {second.side + 2}, {first.outer});",
            f"  clear_border(map2, {third.side + 2}, {second.outer});",
            CALLS.format(source="spread", result="out") + "\n}",
            *ANSWER,
            "  alignas(64) float pixels[spread_size];",
            "  spread<height, channels>(patch, rows, columns, bright, pixels);",
            "  float out[outputs];\n  run(pixels, out);\n  return to_answer(out);\n}",
        ]
    )


CALLS = (
    "  layer1({source}, map1);\n  layer2(map1, map2);\n  layer3(map2, map3);\n  layer4(map3, map4);\n"
    "  layer5(map4, hidden);\n  layer6(hidden, {result});"
)
ANSWER = (
    "template <class Pixel> static inline",
    "Answer answer(const Pixel* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, float bright) {",
)
