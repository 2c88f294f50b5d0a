"""Generates a C++ header in int16 arithmetic, for robots on which the float header is too slow."""

from dataclasses import replace

import numpy as np

from robot_export.cpp import int16_layers, layers
from robot_export.cpp.float_header import About, assemble
from robot_export.cpp.int16_layers import WIDTHS, plan
from robot_export.cpp.int16_quantise import LIMIT, Int16Network
from robot_export.cpp.int16_reference import EXP2, predict
from robot_export.cpp.weights import array, literal
from robot_export.folded_network import FoldedNetwork


def text(network: FoldedNetwork, whole: Int16Network, about: About) -> str:
    """Generates the text of a header, whose self test expects exactly the outputs of `int16_reference.predict`.

    network: a network that `float_header.check` accepts. whole: the same network, quantised by `quantise`.
    """
    about = replace(about, expected=predict(whole, about.patches).outputs)
    weights = f"{_numbers(whole)}\n{_weights(network, whole)}"
    return assemble(network, about, "int16", weights, _layers(network, whole))


def _numbers(whole: Int16Network) -> str:
    return f"""// A pixel becomes raw * 32 + shift, clamped to [lowest, highest]; activations are clamped to +-limit.
static const std::int16_t limit = {LIMIT}, lowest = {whole.low}, highest = {whole.high};
static const int shift[] = {{{", ".join(map(str, whole.add))}}};
static const std::int64_t exp2_terms[] = {{{", ".join(map(str, EXP2))}}};"""


def _weights(network: FoldedNetwork, whole: Int16Network) -> str:
    """Generates the arrays of weights. In the first layer, the factors of each output are followed by its bias."""
    first = whole.layers[0]
    factors = np.concatenate([first.factors.transpose(2, 1, 0).reshape(len(first.bias), -1), first.bias[:, None]], 1)
    lines = [array("factors1", factors, "std::int16_t", macro="BALL_FACTOR")]
    for number, layer in enumerate(whole.layers[1:], 2):
        values = layer.factors
        if values.ndim == 3:  # tiles: the factors are sorted by column, and padded pairs are left out
            used = -(-network.convolutions[number - 1].weights.shape[2] // 2) * 2
            rows = values.reshape(4, 4, *values.shape[1:]).swapaxes(0, 1)[:, :, :used]
            values = np.stack([rows[:, 1], rows[:, 2], rows[:, 0], -rows[:, 3]], axis=1)
        lines += [_pairs(f"factors{number}", values), array(f"bias{number}", layer.bias, "std::int32_t")]
    return "\n".join(lines)


def _pairs(name: str, factors: np.ndarray) -> str:
    """Writes the factors of each pair of inputs side by side. A macro takes eight factors and may reorder them."""
    *outer, inputs, outputs = factors.shape
    flat = factors.reshape(*outer, inputs // 2, 2, outputs).swapaxes(-1, -2).reshape(-1, 8)
    rows = ",\n  ".join(f"BALL_PAIRS({', '.join(map(str, row))})" for row in flat)
    return f"alignas(64) static const std::int16_t {name}[] = {{\n  {rows}}};"


def _layers(network: FoldedNetwork, whole: Int16Network) -> str:
    """Generates the layers, and the function that calls them."""
    bodies = layers.functions(WIDTHS, lambda width: int16_layers.bodies(*plan(network, whole, width)))
    shift = whole.layers[-1].shift
    outputs = [f"probability(sums[0], {shift})"]
    if network.head == "linear":
        unit = literal(np.float32(2.0**-shift))
        outputs = [f"static_cast<float>(sums[{k}]) * {unit}" for k in range(network.outputs)]
    return f"{bodies}\n\n{layers.run(plan(network, whole, 4), outputs)}"
