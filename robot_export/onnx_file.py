"""Writes folded networks as an ONNX file."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from robot_export.folded_network import Convolution, DenseLayer, FoldedNetwork, Joint

OPSET = 13  # the oldest in which all operators have today's meaning: ONNX Runtime 1.8, OpenCV 4.5.5, OpenVINO 2021
IR_VERSION = 7  # the version of ONNX 1.8, which introduced opset 13


def write(path: Path, joint: Joint, dtype: str = "float32") -> None:
    """Writes a network as ONNX: input "patch" [n, height, width, channels], output "output" [n, outputs] float32."""
    graph, shape = _Graph(), joint.branches[0].input_shape
    given = "patch" if dtype == "float32" else graph.node("Cast", ["patch"], "floats", to=TensorProto.FLOAT)
    planes = graph.node("Transpose", [given], "planes", perm=[0, 3, 1, 2])
    ends = [_branch(graph, network, planes, f".{i}" if i else "") for i, network in enumerate(joint.branches)]
    end = ends[0] if len(ends) == 1 else graph.node("Concat", ends, "answers", axis=1)
    count = sum(network.outputs for network in joint.branches)
    if joint.mix is not None:
        end, count = _dense(graph, end, joint.mix, joint.mix.weights, ""), len(joint.mix.bias)
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
    """Collects nodes and weights; every value is named after the layer that it comes from."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def weight(self, name: str, values) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output


def _branch(graph: _Graph, network: FoldedNetwork, x: str, suffix: str) -> str:
    """Adds all layers of a network; returns the name of its output.

    The scale is multiplied into the first weights; the offset cannot be, because zero padding comes after it. Pooling
    comes before the activation, which is monotonic.
    """
    scale = np.float32(network.scale)
    if any(network.offset):
        offset = graph.weight(f"offset{suffix}", (np.float32(network.offset) / scale).reshape(1, -1, 1, 1))
        x = graph.node("Add", [x, offset], f"centred{suffix}")
    height, width, _ = network.input_shape
    for number, layer in enumerate(network.convolutions):
        x = _convolution(graph, x, layer, layer.weights if number else layer.weights * scale, suffix)
        if layer.padding == "valid":
            height, width = (side - k + 1 for side, k in zip((height, width), layer.weights.shape, strict=False))
        height, width = height // layer.pool, width // layer.pool
    x = graph.node("Flatten", [x], f"flat{suffix}")
    for number, layer in enumerate(network.dense):
        # The first layer's inputs are flattened as [row][column][channel]; here they come as [channel][row][column].
        weights = layer.weights if number else _by_planes(layer.weights, height, width)
        x = _leaky(graph, _dense(graph, x, layer, weights, suffix), layer, suffix)
    return graph.node("Sigmoid", [x], f"ball{suffix}") if network.head == "sigmoid" else x


def _dense(graph: _Graph, x: str, layer: DenseLayer, weights: np.ndarray, suffix: str) -> str:
    name = layer.name + suffix
    values = [x, graph.weight(f"{name}.weights", weights.T), graph.weight(f"{name}.bias", layer.bias)]
    return graph.node("Gemm", values, name, transB=1)  # OpenCV 4.5 requires this


def _convolution(graph: _Graph, x: str, layer: Convolution, weights: np.ndarray, suffix: str) -> str:
    name = layer.name + suffix
    before, after = ([(k - 1) // 2 for k in weights.shape[:2]], [k // 2 for k in weights.shape[:2]])
    kernel = graph.weight(f"{name}.weights", weights.transpose(3, 2, 0, 1))
    bias = graph.weight(f"{name}.bias", layer.bias)
    pads = [*before, *after] if layer.padding == "same" else [0, 0, 0, 0]  # an even kernel's extra zero comes last
    x = graph.node("Conv", [x, kernel, bias], name, pads=pads, kernel_shape=weights.shape[:2])
    if layer.pool > 1:
        sides = [layer.pool, layer.pool]
        x = graph.node("MaxPool", [x], f"{name}.pool", kernel_shape=sides, strides=sides)
    return _leaky(graph, x, layer, suffix)


def _leaky(graph: _Graph, x: str, layer, suffix: str) -> str:
    if layer.slope is None:
        return x
    return graph.node("LeakyRelu", [x], f"{layer.name}{suffix}.activation", alpha=layer.slope)


def _by_planes(weights: np.ndarray, height: int, width: int) -> np.ndarray:
    by_place = weights.reshape(height, width, -1, weights.shape[1])
    return by_place.transpose(2, 0, 1, 3).reshape(weights.shape)
