"""The ONNX file of a folded network."""

from pathlib import Path

import numpy as np

from robot_export.folding import FoldedNetwork

OPSET = 13  # the oldest with today's meaning of every operator here: ONNX Runtime 1.8, OpenCV 4.5.5, OpenVINO 2021
IR_VERSION = 7  # that of ONNX 1.8, which came with opset 13


def write(path: Path, network: FoldedNetwork, normalised: bool) -> None:
    """Writes a network as ONNX, input "patch" [n, height, width, channels] float32, output "output" [n, outputs].

    Args:
        normalised: the file takes raw * scale + offset instead of raw values.
    """
    import onnx
    from onnx import TensorProto, helper

    graph = _Graph()
    answer = _network(graph, network, normalised)
    graph.node("Sigmoid" if network.head == "sigmoid" else "Identity", [answer], "output")
    inputs = helper.make_tensor_value_info("patch", TensorProto.FLOAT, ["n", *network.input_shape])
    outputs = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", network.outputs])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "network", [inputs], [outputs], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="ball-models",
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


class _Graph:
    """Nodes and weights as they are added; every value is named after the layer it comes from."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def weight(self, name: str, values) -> str:
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output


def _network(graph: _Graph, network: FoldedNetwork, normalised: bool) -> str:
    """Adds all layers; returns the name of the logits or circles.

    The scale goes into the first weights; the offset cannot, because zero padding comes after it. Pooling comes before
    the activation, which never decreases.
    """
    scale = np.float32(1 if normalised else network.scale)
    x = graph.node("Transpose", ["patch"], "planes", perm=[0, 3, 1, 2])
    if not normalised:
        offset = graph.weight("offset", (np.float32(network.offset) / scale).reshape(1, -1, 1, 1))
        x = graph.node("Add", [x, offset], "centred")
    height, width, _ = network.input_shape
    for number, layer in enumerate(network.convolutions):
        x = _convolution(graph, x, layer, layer.weights if number else layer.weights * scale)
        if layer.padding == "valid":
            height, width = (side - k + 1 for side, k in zip((height, width), layer.weights.shape, strict=False))
        height, width = height // layer.pool, width // layer.pool
    x = graph.node("Flatten", [x], "flat")
    for number, layer in enumerate(network.dense):
        # The first one's inputs are flattened [row][column][channel]; here they come [channel][row][column].
        weights = layer.weights if number else _by_planes(layer.weights, height, width)
        values = [x, graph.weight(f"{layer.name}.weights", weights.T), graph.weight(f"{layer.name}.bias", layer.bias)]
        x = _leaky(graph, graph.node("Gemm", values, layer.name, transB=1), layer)  # OpenCV 4.5 takes no other
    return x


def _convolution(graph: _Graph, x: str, layer, weights: np.ndarray) -> str:
    before, after = ([(k - 1) // 2 for k in weights.shape[:2]], [k // 2 for k in weights.shape[:2]])
    kernel = graph.weight(f"{layer.name}.weights", weights.transpose(3, 2, 0, 1))
    bias = graph.weight(f"{layer.name}.bias", layer.bias)
    pads = [*before, *after] if layer.padding == "same" else [0, 0, 0, 0]  # an even kernel's odd zero comes last
    x = graph.node("Conv", [x, kernel, bias], layer.name, pads=pads, kernel_shape=weights.shape[:2])
    if layer.pool > 1:
        sides = [layer.pool, layer.pool]
        x = graph.node("MaxPool", [x], f"{layer.name}.pool", kernel_shape=sides, strides=sides)
    return _leaky(graph, x, layer)


def _leaky(graph: _Graph, x: str, layer) -> str:
    if layer.slope is None:
        return x
    return graph.node("LeakyRelu", [x], f"{layer.name}.activation", alpha=layer.slope)


def _by_planes(weights: np.ndarray, height: int, width: int) -> np.ndarray:
    by_place = weights.reshape(height, width, -1, weights.shape[1])
    return by_place.transpose(2, 0, 1, 3).reshape(weights.shape)
