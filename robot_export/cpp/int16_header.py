"""Writes a network as one C++ header in int16 arithmetic, for robots on which the float one takes too long."""

import numpy as np

from robot_export.cpp import header as cpp_header
from robot_export.cpp import int16_layers
from robot_export.cpp.header import PARTS, About
from robot_export.cpp.int16_quantise import LIMIT, Int16Network
from robot_export.cpp.int16_reference import EXP2, predict
from robot_export.cpp.weights import array, literal, padded
from robot_export.folding import FoldedNetwork, describe


def text(network: FoldedNetwork, whole: Int16Network, about: About) -> str:
    """The text of the header; its self test expects exactly what `int16_reference.predict` answers.

    Args:
        network: what to compute, in float; one that `header.check` accepts.
        whole: the same in whole numbers, of `quantise`.
        about: as of the float header.
    """
    guard = f"{about.name.upper()}_INT16_H"
    parts = [
        f"// {cpp_header.quoted(about.name)} in int16: {describe(network)}",
        cpp_header.TERMS,
        f"#ifndef {guard}\n#define {guard}",
        "#include <cmath>\n#include <cstddef>\n#include <cstdint>\n#include <cstring>",
        "#if defined(__SSSE3__)\n#include <immintrin.h>\n#elif defined(__aarch64__) && defined(__ARM_NEON)\n"
        "#include <arm_neon.h>\n#endif",
        f"namespace {about.name} {{",
        cpp_header.ANSWERS[network.head],
        cpp_header.OWN,
        cpp_header.constants(network, about),
        "namespace detail {",
        _numbers(whole),
        (PARTS / "int16_vectors.h").read_text(encoding="utf-8"),
        _weights(network, whole),
        (PARTS / "int16_input.h").read_text(encoding="utf-8"),
        cpp_header.CONVERSIONS[network.head],
        int16_layers.text(network, whole),
        _run(network, whole),
        "}  // namespace detail",
        (PARTS / "interface.h").read_text(encoding="utf-8"),
        cpp_header.self_test(about.patches, predict(whole, about.patches).outputs),
        "}  // namespace",
        "#undef BALL_INLINE\n#undef BALL_WIDTH\n#undef BALL_FACTOR\n#undef BALL_REPEAT\n#undef BALL_PAIRS\n"
        "#undef BALL_VECTOR",
        f"}}  // namespace {about.name}\n#endif",
    ]
    return "\n\n".join(parts) + "\n"


def _numbers(whole: Int16Network) -> str:
    shifts = ", ".join(map(str, whole.add))
    return "\n".join(
        [
            "// A pixel becomes raw * 32 + shift, clamped to [lowest, highest]; activations are clamped to +-limit.",
            f"static const std::int16_t limit = {LIMIT}, lowest = {whole.low}, highest = {whole.high};",
            f"static const int shift[] = {{{shifts}}};",
            f"static const std::int64_t exp2_terms[] = {{{', '.join(map(str, EXP2))}}};",
        ]
    )


def _weights(network: FoldedNetwork, whole: Int16Network) -> str:
    """All weights, in the order of use; those of the first layer with the bias behind each output's factors."""
    first = whole.layers[0]
    factors = np.concatenate([first.factors.transpose(2, 1, 0).reshape(len(first.bias), -1), first.bias[:, None]], 1)
    lines = [array("factors1", factors, "std::int16_t", macro="BALL_FACTOR")]
    for number, layer in enumerate(whole.layers[1:], 2):
        values = layer.factors
        if values.ndim == 3:  # tiles: column by column in the order of their use, without pairs that are padding
            used = -(-network.convolutions[number - 1].weights.shape[2] // 2) * 2
            rows = values.reshape(4, 4, *values.shape[1:]).swapaxes(0, 1)[:, :, :used]
            values = np.stack([rows[:, 1], rows[:, 2], rows[:, 0], -rows[:, 3]], axis=1)
        lines += [_pairs(f"factors{number}", values), array(f"bias{number}", layer.bias, "std::int32_t")]
    return "\n".join(lines)


def _pairs(name: str, factors: np.ndarray) -> str:
    """Factors of two inputs beside each other for each output, eight numbers to a macro that may reorder them."""
    *outer, inputs, outputs = factors.shape
    flat = factors.reshape(*outer, inputs // 2, 2, outputs).swapaxes(-1, -2).reshape(-1, 8)
    rows = ",\n  ".join(f"BALL_PAIRS({', '.join(map(str, row))})" for row in flat)
    return f"alignas(64) static const std::int16_t {name}[] = {{\n  {rows}}};"


def _run(network: FoldedNetwork, whole: Int16Network) -> str:
    """The function that calls the layers, all buffers on its stack."""
    side, channels = network.input_shape[0], network.input_shape[2]
    one, two, three, four = (padded(len(layer.bias)) for layer in network.convolutions)
    buffers = {
        "pixels": channels * 4 * side * (side // 2 + 1),
        "map1": (side // 2 + 2) ** 2 * one,
        "map2": (side // 4 + 2) ** 2 * two,
        "map3": (side // 8) ** 2 * three,
        "map4": (side // 8 - 1) ** 2 * four,
        "hidden": padded(len(network.dense[0].bias)),
    }
    bits = whole.layers[-1].shift
    last = [f"out[0] = probability(sums[0], {bits});"]
    if network.head == "linear":
        unit = literal(np.float32(2.0**-bits))
        last = [f"out[{k}] = static_cast<float>(sums[{k}]) * {unit};" for k in range(network.outputs)]
    return "\n".join(
        [
            "template <class Pixel> static inline",
            "Answer answer(const Pixel* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, float bright) {",
            f"  alignas(64) std::int16_t {', '.join(f'{name}[{size}]' for name, size in buffers.items())};",
            "  alignas(16) std::int32_t sums[4];\n  float out[outputs];",
            "  spread<height, channels>(patch, rows, columns, bright, pixels);",
            f"  clear_border(map1, {side // 2}, {one});\n  clear_border(map2, {side // 4}, {two});",
            "  layer1(pixels, map1);\n  layer2(map1, map2);\n  layer3(map2, map3);\n  layer4(map3, map4);",
            "  layer5(map4, hidden);\n  layer6(hidden, sums);",
            *(f"  {line}" for line in last),
            "  return to_answer(out);\n}",
        ]
    )
