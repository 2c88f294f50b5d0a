"""Writes a network as one C++ header: no dependency, no heap, no exception, nothing mutable outside the stack."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.atomic_files import replacing
from common.errors import UserError
from robot_export.cpp import dense as dense_layers
from robot_export.cpp import tiles as tile_layers
from robot_export.cpp.weights import array, first_tiles, literal, pad_inputs, pad_last, padded, tiles
from robot_export.folding import FoldedNetwork, describe

PARTS = Path(__file__).parent
TEMPLATES = ("ball_models.h", "naoth_finder.h")  # go with model.h: join a classifier and a detector, also for NaoTH
ANSWERS = {
    "sigmoid": "typedef float Answer;  // probability of a ball",
    "linear": "// Fractions of the patch's width and height, origin at the top left corner, x to the right, y down.\n"
    "struct Answer {\n  float radius, x, y;\n};",
}
CONVERSIONS = {
    "sigmoid": "BALL_INLINE Answer to_answer(const float* p) { return p[0]; }\n"
    "BALL_INLINE void numbers(Answer a, float* p) { p[0] = a; }",
    "linear": "BALL_INLINE Answer to_answer(const float* p) { return Answer{p[0], p[1], p[2]}; }\n"
    "BALL_INLINE void numbers(Answer a, float* p) {\n  p[0] = a.radius;\n  p[1] = a.x;\n  p[2] = a.y;\n}",
}
TERMS = (
    "// Generated for one trained model. Do not edit: train and export again.\n"
    "// This generated code may be used, changed and shipped without restriction, with or without this line."
)
OWN = (
    "struct Strides {\n  std::ptrdiff_t row, pixel;\n};\n\n"
    "// Every source file that includes this has all of it for itself, compiled with its own flags.\nnamespace {"
)
_WARNING = """#if (defined(__x86_64__) || defined(__i386__)) && !defined(__SSE4_1__) && !defined(BALL_WITHOUT_SSE)
#warning "ball model without SSE4.1, slow: compile with -march=silvermont (NAO) or -msse4.1, or define BALL_WITHOUT_SSE"
#endif"""
WIDTHS = (16, 8, 4)  # floats per vector: AVX-512, AVX2 with FMA, SSE4.1 and NEON


@dataclass(frozen=True)
class About:
    """What a header says of a model besides the network.

    name: C++ namespace, a valid identifier. patches: uint8 [n, height, width, channels], the test vectors.
    expected: float32 [n, outputs], what Keras answers. facts: constants by name.
    threshold: probability at or above which a patch is a ball; None for a detector.
    """

    name: str
    patches: np.ndarray
    expected: np.ndarray
    threshold: float | None = None
    facts: Mapping[str, str | int | float] = field(default_factory=dict)


def write(path: Path, network: FoldedNetwork, about: About) -> None:
    """Writes the header of a network.

    Raises:
        UserError: the network is not of the families that the generator knows; the line names the layer.
    """
    check(network)
    with replacing(path) as partial:
        partial.write_text(text(network, about), encoding="utf-8")


def fill_template(file: str, kind: str, namespace: str) -> str:
    """A template with the namespace of a model filled in; kind: "classifier" or "detector"."""
    content = (PARTS / file).read_text(encoding="utf-8")
    return content.replace(f"namespace {kind} = ::ball_{kind};", f"namespace {kind} = ::{namespace};")


def check(network: FoldedNetwork) -> None:
    """Refuses networks that the generated code does not cover.

    Raises:
        UserError: names the layer.
    """

    def refuse(what, why):
        raise UserError(f"{what} cannot become C++: {why}.")

    height, width, channels = network.input_shape
    if height != width or height not in (16, 32) or channels not in (1, 2):
        refuse("the input", f"patches are 16 or 32 pixels square with 1 or 2 channels. Received: {network.input_shape}")
    if len(network.convolutions) != 4 or len(network.dense) != 2:
        refuse("the network", "it takes four convolutions and two dense layers. Received: " + describe(network))
    for layer in network.convolutions[:3]:
        if layer.weights.shape[:2] != (3, 3) or layer.padding != "same" or layer.pool != 2:
            refuse(f"layer {layer.name}", "it takes a 3x3 kernel, padding 'same' and pooling by 2")
    last = network.convolutions[3]
    if last.weights.shape[:2] != (2, 2) or last.padding != "valid" or last.pool != 1:
        refuse(f"layer {last.name}", "it takes a 2x2 kernel, padding 'valid' and no pooling")
    for layer in (*network.convolutions, network.dense[0]):
        if layer.slope is None:
            refuse(f"layer {layer.name}", "LeakyReLU has to follow it")
    if (network.head, network.outputs) not in (("sigmoid", 1), ("linear", 3)):
        refuse(f"layer {network.dense[1].name}", f"one probability or three numbers. Received: {network.outputs}")


def identifier(name: str) -> str:
    """The C++ namespace of a model of this name: letters, digits and single underscores."""
    return re.sub("[^A-Za-z0-9]+", "_", f"ball_{name}").strip("_")


def text(network: FoldedNetwork, about: About) -> str:
    """The text of the header of a network that `check` accepts."""
    guard = f"{about.name.upper()}_H"
    parts = [
        f"// {quoted(about.name)}: {describe(network)}",
        TERMS,
        f"#ifndef {guard}\n#define {guard}",
        "#include <cmath>\n#include <cstddef>\n#include <cstdint>\n#include <cstring>",
        "#if defined(__SSE4_1__)\n#include <immintrin.h>\n#elif defined(__aarch64__) && defined(__ARM_NEON)\n"
        "#include <arm_neon.h>\n#endif",
        _WARNING,
        f"namespace {about.name} {{",
        ANSWERS[network.head],
        OWN,
        constants(network, about),
        "namespace detail {",
        (PARTS / "vectors.h").read_text(encoding="utf-8"),
        weights(network),
        (PARTS / "input.h").read_text(encoding="utf-8"),
        CONVERSIONS[network.head],
        stages(network),
        run(network),
        "}  // namespace detail",
        (PARTS / "interface.h").read_text(encoding="utf-8"),
        self_test(about.patches, about.expected),
        "}  // namespace",
        "#undef BALL_INLINE\n#undef BALL_WIDTH\n#undef BALL_FACTOR\n#undef BALL_REPEAT\n#undef BALL_BYTES",
        f"}}  // namespace {about.name}\n#endif",
    ]
    return "\n\n".join(parts) + "\n"


def constants(network: FoldedNetwork, about: About) -> str:
    """What the robot's code may ask about the model."""
    height, width, channels = network.input_shape
    values = {"name": about.name, "height": height, "width": width, "channels": channels, "outputs": network.outputs}
    if about.threshold is not None:
        values["threshold"] = float(about.threshold)
    if wrong := [key for key in about.facts if key in values or not re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)+", key)]:
        raise ValueError(f"facts are named like_this, in at least two words. Received: {wrong}")
    return "\n".join(_constant(key, value) for key, value in (values | dict(about.facts)).items())


def _constant(name: str, value) -> str:
    if isinstance(value, bool):
        return f"static const bool {name} = {str(value).lower()};"
    if isinstance(value, int):
        return f"static const int {name} = {value};"
    if isinstance(value, float):
        return f"static const float {name} = {literal(np.float32(value))};"
    return f"static const char* const {name} = {quoted(str(value))};"


def quoted(text: str) -> str:
    """A C++ string literal of any text, in plain ASCII."""
    plain = (chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}" for byte in text.encode())
    return f'"{"".join(plain)}"'


def weights(network: FoldedNetwork) -> str:
    """All weights, in the order of use."""
    first, *later, last = network.convolutions
    factors = first_tiles(first.weights, network.scale)
    lines = [array("factors1", factors, macro="BALL_FACTOR"), array("bias1", pad_last(first.bias))]
    for number, layer in enumerate(later, 2):
        factors, side = tiles(layer.weights), network.input_shape[0] >> (number - 1)
        if tile_layers.is_short(side, *factors.shape[1:]):
            factors = np.delete(factors, range(8, 12), axis=0)
        lines += [array(f"factors{number}", factors), array(f"bias{number}", pad_last(layer.bias))]
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


def sizes(network: FoldedNetwork) -> dict[str, int]:
    """Floats in each buffer."""
    side = network.input_shape[0]
    one, two, three, four = (padded(len(layer.bias)) for layer in network.convolutions)
    return {
        "spread": network.input_shape[2] * 4 * side * (side // 2 + 1),
        "map1": (side // 2 + 2) ** 2 * one,
        "map2": (side // 4 + 2) ** 2 * two,
        "map3": (side // 8) ** 2 * three,
        "map4": (side // 8 - 1) ** 2 * four,
        "hidden": padded(len(network.dense[0].bias)),
    }


def stages(network: FoldedNetwork) -> str:
    """One function per layer; a set of them for each width of vectors."""
    text = []
    for width in WIDTHS:
        text += [f"#{'if' if width == WIDTHS[0] else 'elif'} BALL_WIDTH == {width}", *_stages(network, width)]
    return "\n".join([*text, "#endif"])


def _stages(network: FoldedNetwork, width: int) -> list[str]:
    side, channels = network.input_shape[0], network.input_shape[2]
    one, two, three, four = network.convolutions
    counts = [len(layer.bias) for layer in network.convolutions]
    hidden = network.dense[0]
    return [
        function("layer1", tile_layers.first_convolution(side, channels, counts[0], one.slope, width)),
        function("layer2", tile_layers.convolution(2, side // 2, *counts[:2], two.slope, 1, width)),
        function("layer3", tile_layers.convolution(3, side // 4, *counts[1:3], three.slope, 0, width)),
        function("layer4", dense_layers.small_convolution(4, side // 8, *counts[2:4], four.slope, width)),
        function("layer5", dense_layers.dense((side // 8 - 1) ** 2, counts[3], len(hidden.bias), hidden.slope, width)),
        function("layer6", dense_layers.head(len(hidden.bias), network.outputs, network.head == "sigmoid")),
    ]


def function(name: str, body: list[str], given: str = "float", made: str = "float") -> str:
    """A C++ function from `in` to `out`, indented; the types of their elements."""
    depth, lines = 1, []
    for line in body:
        depth -= line.startswith("}")
        lines.append("  " * depth + line)
        depth += line.count("{") - line.count("}") + line.startswith("}")
    return "\n".join([f"static inline void {name}(const {given}* in, {made}* out) {{", *lines, "}"])


def run(network: FoldedNetwork) -> str:
    """The function that calls the layers, all buffers on its stack."""
    size, side, first = sizes(network), network.input_shape[0], padded(len(network.convolutions[0].bias))
    buffers = ", ".join(f"{name}[{count}]" for name, count in size.items() if name != "spread")
    second = padded(len(network.convolutions[1].bias))
    return "\n".join(
        [
            f"static constexpr int spread_size = {size['spread']};",
            "static inline void run(const float* spread, float* out) {",
            f"  alignas(64) float {buffers};",
            f"  clear_border(map1, {side // 2 + 2}, {first});",
            f"  clear_border(map2, {side // 4 + 2}, {second});",
            "  layer1(spread, map1);\n  layer2(map1, map2);\n  layer3(map2, map3);\n  layer4(map3, map4);",
            "  layer5(map4, hidden);\n  layer6(hidden, out);\n}",
            "template <class Pixel> static inline",
            "Answer answer(const Pixel* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, float bright) {",
            "  alignas(64) float pixels[spread_size];",
            "  spread<height, channels>(patch, rows, columns, bright, pixels);",
            "  float out[outputs];\n  run(pixels, out);\n  return to_answer(out);\n}",
        ]
    )


def self_test(patches: np.ndarray, expected: np.ndarray) -> str:
    """Constants of the test vectors and the function that checks them."""
    n = len(patches)
    return "\n".join(
        [
            array("test_patches", patches, "std::uint8_t"),
            array("test_answers", expected),
            f"static const int test_count = {n};",
            (PARTS / "self_test.h").read_text(encoding="utf-8"),
        ]
    )
