"""Generates C++ code for the layers and their weights in float."""

import numpy as np

from robot_export.cpp import convolutions, dense
from robot_export.cpp.layers import functions, plan, run
from robot_export.cpp.products import Lines, Pieces, Stage
from robot_export.cpp.weights import array, pad_inputs, pad_last, tile_factors
from robot_export.folded_network import FoldedNetwork

WIDTHS = (16, 8, 4)  # floats per vector: 16 with AVX-512, 8 with AVX2 and FMA, 4 on all other machines


def weights(network: FoldedNetwork) -> str:
    """Generates the arrays of weights, in the order of the layers."""
    first, *later, last = network.convolutions
    hidden, head = network.dense
    factors = [(tile_factors(first.weights) * network.scale).transpose(2, 1, 0)]
    for stage, layer in zip(plan(network, 4)[1:], later, strict=False):
        values = tile_factors(layer.weights)
        factors.append(np.delete(values, range(8, 12), axis=0) if convolutions.is_short(stage) else values)
    factors.append(pad_last(pad_inputs(last.weights)))
    factors.append(pad_last(pad_inputs(hidden.weights.reshape(-1, len(last.bias), len(hidden.bias)))))
    factors.append(pad_last(head.weights.T))
    lines = []
    for number, (values, layer) in enumerate(zip(factors, (*network.convolutions, hidden, head), strict=True), 1):
        lines.append(array(f"factors{number}", values, macro="BALL_FACTOR" if number == 1 else ""))
        lines.append(array(f"bias{number}", pad_last(layer.bias)))
    return "\n".join([*lines, array("shift", network.shift)])


def layers(network: FoldedNetwork) -> str:
    """Generates the layers, and the function that calls them."""
    outputs = [f"sums[{k}]" for k in range(network.outputs)]
    if network.head == "sigmoid":
        outputs = ["1.0f / (1.0f + std::exp(-sums[0]))"]
    bodies = functions(WIDTHS, lambda width: _bodies(*plan(network, width)))
    return f"{bodies}\n\n{run(plan(network, 4), outputs)}"


def _bodies(first: Stage, second: Stage, third: Stage, fourth: Stage, hidden: Stage, answer: Stage) -> list[Lines]:
    return [
        convolutions.first_convolution(first),
        convolutions.convolution(second, border=1),
        convolutions.convolution(third, border=0),
        dense.small_convolution(fourth, _keep),
        dense.dense(hidden, _keep),
        dense.head(answer),
    ]


def _keep(stage: Stage, parts: Pieces, to: str) -> Lines:
    return [f"store({to} + {at}, leaky(a0_{at}, {stage.slope:.9g}f));" for _, at in parts]
