"""Changes valid files so that they crash or hang their runtime, or use up the memory."""

from collections.abc import Callable

import flatbuffers
import numpy as np
import onnx
from tensorflow.lite.python import schema_py_generated as schema


def crashing(tflite: bytes) -> bytes:
    """Returns a network with an invalid scale. LiteRT divides by this scale without checking it."""

    def change(tensors):
        scales = [tensor.quantization.scale for tensor in tensors]
        tensor = tensors[next(i for i, scale in enumerate(scales) if scale is not None and list(scale) == [1])]
        tensor.quantization.scale = np.float32([-1e-38])

    return _edited(tflite, change)


def hungry(tflite: bytes) -> bytes:
    """Returns a network with an input of 4 GB."""

    def change(tensors):
        tensors[0].shape = [1, 16, 16 << 20, 1]

    return _edited(tflite, change)


def endless(content: bytes) -> bytes:
    """Returns an ONNX network that starts with a loop of 2^62 iterations."""
    make, kinds = onnx.helper, onnx.TensorProto
    model = onnx.load_from_string(content)
    on, x = ("on", kinds.BOOL, []), ("x", kinds.FLOAT, None)
    inputs = [make.make_tensor_value_info(*each) for each in (("round", kinds.INT64, []), on, x)]
    outputs = [make.make_tensor_value_info(f"{name}_out", kind, shape) for name, kind, shape in (on, x)]
    nodes = [make.make_node("Identity", [name], [f"{name}_out"]) for name in ("on", "x")]
    body = make.make_graph(nodes, "body", inputs, outputs)
    loop = make.make_node("Loop", ["rounds", "always", "patch"], ["looped"], body=body)
    for name, value in (("rounds", 2**62), ("always", True)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(value), name))
    for node in model.graph.node:
        node.input[:] = ["looped" if name == "patch" else name for name in node.input]
    model.graph.node.insert(0, loop)
    return model.SerializeToString()


def _edited(content: bytes, change: Callable) -> bytes:
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    change(model.subgraphs[0].tensors)
    builder = flatbuffers.Builder(1 << 14)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
