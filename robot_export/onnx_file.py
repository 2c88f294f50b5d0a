"""Writes folded networks as an ONNX file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from robot_export.folded_network import Convolution, DenseLayer, FoldedNetwork, Joint

# Opset 13 is the oldest opset in which all these operators are defined as they are today. Files with opset 13 need at
# least ONNX Runtime 1.8, OpenCV 4.5.5 or OpenVINO 2021.
OPSET = 13
IR_VERSION = 7  # the format version of ONNX 1.8, the first release with opset 13


def write(path: Path, joint: Joint, dtype: str = "float32") -> None:
    """Writes a network as ONNX: input "patch" [n, height, width, channels], output "output" [n, outputs] float32."""
    graph, shape = _Graph(), joint.branches[0].input_shape
    given = "patch" if dtype == "float32" else graph.node("Cast", ["patch"], "floats", to=TensorProto.FLOAT)
    planes = graph.node("Transpose", [given], "planes", perm=[0, 3, 1, 2])
    ends = [_branch(graph, network, planes, f".{i}" if i else "") for i, network in enumerate(joint.branches)]
    end = ends[0] if len(ends) == 1 else graph.node("Concat", ends, "answers", axis=1)
    count = sum(network.outputs for network in joint.branches)
    if joint.mix is not None:
        end, count = _dense(graph, end, joint.mix, ""), len(joint.mix.bias)
    graph.node("Identity", [end], "output")
    kind = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8}[dtype]
    inputs = helper.make_tensor_value_info("patch", kind, ["n", *shape])
    outputs = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", count])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "network", [inputs], [outputs], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="ball-models",
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


class _Graph:
    """Collects nodes and weights. Each value has the name of the layer that computes it."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def weight(self, name: str, values) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output


def _branch(graph: _Graph, network: FoldedNetwork, x: str, suffix: str) -> str:
    """Adds all layers of a network; returns the name of its output. The activation is applied after the pooling."""
    if any(network.offset):
        offset = graph.weight(f"offset{suffix}", np.float32(network.shift).reshape(1, -1, 1, 1))
        x = graph.node("Add", [x, offset], f"centred{suffix}")
    height, width, _ = network.input_shape
    for layer in network.scaled_convolutions:
        x = _convolution(graph, x, layer, suffix)
        if layer.padding == "valid":
            height, width = (side - k + 1 for side, k in zip((height, width), layer.weights.shape, strict=False))
        height, width = height // layer.pool, width // layer.pool
    x = graph.node("Flatten", [x], f"flat{suffix}")
    # The first dense layer expects the order [row][column][channel], but Flatten outputs [channel][row][column].
    first, *later = network.dense
    by_place = first.weights.reshape(height, width, -1, len(first.bias))
    by_plane = by_place.transpose(2, 0, 1, 3).reshape(first.weights.shape)
    for layer in (replace(first, weights=by_plane), *later):
        x = _leaky(graph, _dense(graph, x, layer, suffix), layer, suffix)
    return graph.node("Sigmoid", [x], f"ball{suffix}") if network.head == "sigmoid" else x


def _dense(graph: _Graph, x: str, layer: DenseLayer, suffix: str) -> str:
    name = layer.name + suffix
    values = [x, graph.weight(f"{name}.weights", layer.weights.T), graph.weight(f"{name}.bias", layer.bias)]
    return graph.node("Gemm", values, name, transB=1)  # OpenCV 4.5 requires transB=1


def _convolution(graph: _Graph, x: str, layer: Convolution, suffix: str) -> str:
    name, sizes = layer.name + suffix, layer.weights.shape[:2]
    before, after = [(size - 1) // 2 for size in sizes], [size // 2 for size in sizes]
    kernel = graph.weight(f"{name}.weights", layer.weights.transpose(3, 2, 0, 1))
    bias = graph.weight(f"{name}.bias", layer.bias)
    # If the kernel's side is even, one more zero is added at the end of each row and column than at its start.
    pads = [*before, *after] if layer.padding == "same" else [0, 0, 0, 0]
    x = graph.node("Conv", [x, kernel, bias], name, pads=pads, kernel_shape=sizes)
    if layer.pool > 1:
        sides = [layer.pool, layer.pool]
        x = graph.node("MaxPool", [x], f"{name}.pool", kernel_shape=sides, strides=sides)
    return _leaky(graph, x, layer, suffix)


def _leaky(graph: _Graph, x: str, layer, suffix: str) -> str:
    if layer.slope is None:
        return x
    return graph.node("LeakyRelu", [x], f"{layer.name}{suffix}.activation", alpha=layer.slope)
