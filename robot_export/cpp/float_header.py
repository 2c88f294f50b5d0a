"""Generates a network's C++ header, which needs no libraries, heap or exceptions, and writes only to the stack."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.atomic_files import write_text
from common.errors import UserError
from robot_export.cpp import float_layers
from robot_export.cpp.weights import array, literal
from robot_export.folded_network import FoldedNetwork

PARTS = Path(__file__).parent
TEMPLATES = ("ball_models.h", "naoth_finder.h")  # copied with model.h; each combines a classifier and a detector
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
    "// Every source file that includes this gets its own copy, compiled with its own flags.\nnamespace {"
)
_INLINE = """#if defined(__GNUC__)
#define BALL_INLINE static inline __attribute__((always_inline))
#else
#define BALL_INLINE static inline
#endif"""
_WARNING = """#if (defined(__x86_64__) || defined(__i386__)) && !defined(__SSE4_1__) && !defined(BALL_WITHOUT_SSE)
#warning "ball model without SSE4.1, slow: compile with -march=silvermont (NAO) or -msse4.1, or define BALL_WITHOUT_SSE"
#endif"""
# The names of a header's macros, without the prefix BALL_. The macros are undefined at the end of the header.
MACROS = ("INLINE", "WIDTH", "FACTOR", "LANES", "REPEAT", "BYTES", "PAIRS", "VECTOR")


@dataclass(frozen=True)
class About:
    """What a header contains in addition to the network.

    name: the C++ namespace. patches: the patches of the test vectors, uint8 [n, height, width, channels].
    expected: the outputs of Keras for these patches, float32 [n, outputs].
    threshold: a patch with at least this probability is a ball; None for a detector.
    facts: further constants, {name: value}.
    """

    name: str
    patches: np.ndarray
    expected: np.ndarray
    threshold: float | None = None
    facts: Mapping[str, str | int | float] = field(default_factory=dict)


def write(path: Path, network: FoldedNetwork, about: About) -> None:
    """Writes the header of a network; raises a UserError if `check` refuses the network."""
    check(network)
    write_text(path, text(network, about))


def fill_template(file: str, kind: str, namespace: str) -> str:
    """Inserts the namespace of a model into a template; kind: "classifier" or "detector"."""
    return part(file).replace(f"namespace {kind} = ::ball_{kind};", f"namespace {kind} = ::{namespace};")


def check(network: FoldedNetwork) -> None:
    """Checks that a network can be converted to C++.

    Raises:
        UserError: a layer is not supported; the message names the layer.
    """
    (height, width, channels), pooled = network.input_shape, ((3, 3), "same", 2)
    rules = [
        ("the input", height == width and height in (16, 32) and channels in (1, 2), "16x16 or 32x32, 1 or 2 channels"),
        ("the network", (len(network.convolutions), len(network.dense)) == (4, 2), "4 convolutions and 2 dense layers"),
    ]
    for layer, form in zip(network.convolutions, (pooled, pooled, pooled, ((2, 2), "valid", 1)), strict=False):
        right = (layer.weights.shape[:2], layer.padding, layer.pool) == form
        rules.append((f"layer {layer.name}", right, f"kernel, padding and pooling {form}"))
    for layer in (*network.convolutions, network.dense[0]):
        rules.append((f"layer {layer.name}", layer.slope is not None, "LeakyReLU after it"))
    known = (network.head, network.outputs) in (("sigmoid", 1), ("linear", 3))
    rules.append((f"layer {network.dense[-1].name}", known, "one probability or three numbers"))
    for what, right, taken in rules:
        if not right:
            raise UserError(f"{what} cannot be converted to C++. Supported: {taken}. Received: {describe(network)}.")


def identifier(name: str) -> str:
    """Turns a model's name into a C++ namespace: letters, digits and single underscores."""
    return re.sub("[^A-Za-z0-9]+", "_", f"ball_{name}").strip("_")


def text(network: FoldedNetwork, about: About) -> str:
    """Generates the text of the float header for a network that `check` accepts."""
    return assemble(network, about, "float", float_layers.weights(network), float_layers.layers(network))


def part(file: str) -> str:
    """Reads a file that is copied into every header."""
    return (PARTS / file).read_text(encoding="utf-8")


def assemble(network: FoldedNetwork, about: About, arithmetic: str, weights: str, layers: str) -> str:
    """Joins weights, layers and the common parts into a header; arithmetic: "float" or "int16"."""
    guard = f"{about.name.upper()}_{arithmetic.upper()}_H"
    parts = [
        f"// {quoted(about.name)} in {arithmetic}: {describe(network)}",
        TERMS,
        f"#ifndef {guard}\n#define {guard}",
        "#include <cmath>\n#include <cstddef>\n#include <cstdint>\n#include <cstring>",
        "#if defined(__SSSE3__)\n#include <immintrin.h>\n"
        "#elif defined(__aarch64__) && defined(__ARM_NEON)\n#include <arm_neon.h>\n#endif",
        _WARNING,
        f"namespace {about.name} {{",
        ANSWERS[network.head],
        OWN,
        constants(network, about),
        "namespace detail {",
        _INLINE,
        part(f"{arithmetic}_vectors.h"),
        part("memory.h"),
        CONVERSIONS[network.head],
        weights,
        part(f"{arithmetic}_input.h"),
        part("input.h"),
        layers,
        "}  // namespace detail",
        part("interface.h"),
        array("test_patches", about.patches, "std::uint8_t")
        + f"\n{array('test_answers', about.expected)}\nstatic const int test_count = {len(about.patches)};\n"
        + part("self_test.h"),
        "}  // namespace",
        "\n".join(f"#undef BALL_{name}" for name in MACROS),
        f"}}  // namespace {about.name}\n#endif",
    ]
    return "\n\n".join(parts) + "\n"


def constants(network: FoldedNetwork, about: About) -> str:
    """Generates the constants that the robot's code may read."""
    height, width, channels = network.input_shape
    values = {"name": about.name, "height": height, "width": width, "channels": channels, "outputs": network.outputs}
    if about.threshold is not None:
        values["threshold"] = float(about.threshold)
    if wrong := [key for key in about.facts if key in values or not re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)+", key)]:
        raise ValueError(f"a constant needs a name like_this, with at least two words. Received: {wrong}")
    return "\n".join(_constant(key, value) for key, value in (values | dict(about.facts)).items())


def _constant(name: str, value) -> str:
    if isinstance(value, int):
        return f"static const int {name} = {value};"
    if isinstance(value, float):
        return f"static const float {name} = {literal(np.float32(value))};"
    return f"static const char* const {name} = {quoted(str(value))};"


def quoted(text: str) -> str:
    """Writes any text as a C++ string literal in ASCII."""
    plain = (chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}" for byte in text.encode())
    return f'"{"".join(plain)}"'


def describe(network: FoldedNetwork) -> str:
    """Describes a network in one line, such as "16x16x1: conv 3x3x4 pool 2, conv 2x2x8, dense 32, dense 1, sigmoid"."""
    layers = [
        f"conv {_sides((*layer.weights.shape[:2], layer.weights.shape[3]))}" + f" pool {layer.pool}" * (layer.pool > 1)
        for layer in network.convolutions
    ]
    layers += [f"dense {len(layer.bias)}" for layer in network.dense]
    return f"{_sides(network.input_shape)}: {', '.join([*layers, network.head])}"


def _sides(shape: tuple) -> str:
    return "x".join(map(str, shape))
