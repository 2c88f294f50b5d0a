"""Checks that ONNX files give the same outputs in ONNX Runtime as Keras does, and that old runtimes can load them."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from robot_export import onnx_file
from robot_export.folded_network import DenseLayer, Joint, fold

from .cpp.reference import forward
from .models import patches, random_model

MODELS = {
    "classifier": {},
    "detector": {"head": "linear", "side": 32, "channels": 2, "filters": (5, 8, 9, 3), "dense": 10},
}


def predicted(path, joint: Joint, X: np.ndarray) -> np.ndarray:
    """Writes an ONNX file for patches of this dtype, and computes its outputs with ONNX Runtime."""
    onnx_file.write(path, joint, X.dtype.name)
    session = onnxruntime.InferenceSession(path)
    return session.run(["output"], {"patch": X})[0]


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("name", MODELS)
def test_computes_the_same_as_keras(tmp_path, name, dtype):
    model = random_model(7, **MODELS[name])
    X = patches(1, 40, model.input_shape[1:])
    found = predicted(tmp_path / "model.onnx", Joint((fold(model),)), X.astype(dtype))
    np.testing.assert_allclose(found, model(X.astype(np.float32)).numpy(), atol=1e-5, rtol=1e-5)


def test_two_networks_and_a_last_layer_in_one_file(tmp_path):
    models = [random_model(7), random_model(8, head="linear")]
    X = patches(1, 30, (16, 16, 1)).astype(np.float32)
    mix = DenseLayer("answers_as_read", np.float32([[1, 0], [0, 2], [0, 0], [3, 0]]), np.float32([0, 1]))
    answers = np.concatenate([model(X).numpy() for model in models], axis=1) @ mix.weights + mix.bias
    found = predicted(tmp_path / "model.onnx", Joint(tuple(fold(model) for model in models), mix), X)
    np.testing.assert_allclose(found, answers, atol=1e-5)


def test_the_extra_zeros_of_an_even_kernel_come_last(tmp_path):
    network = fold(random_model(7))
    *others, last = network.convolutions
    rng, dense = np.random.default_rng(0), network.dense[0]
    wide = replace(dense, weights=rng.normal(0, 0.1, (2 * 2 * len(last.bias), len(dense.bias))).astype(np.float32))
    even = replace(network, convolutions=(*others, replace(last, padding="same")), dense=(wide, network.dense[1]))
    X = patches(1, 30, (16, 16, 1)).astype(np.float32)
    np.testing.assert_allclose(predicted(tmp_path / "model.onnx", Joint((even,)), X), forward(even, X), atol=1e-5)


def test_old_runtimes_can_load_the_onnx_file(tmp_path):
    onnx_file.write(tmp_path / "model.onnx", Joint((fold(random_model(7)),)))
    model = onnx.load(tmp_path / "model.onnx")
    assert ([opset.version for opset in model.opset_import], model.ir_version) == ([13], 7)
    products = [node for node in model.graph.node if node.op_type == "Gemm"]
    assert [[a.i for a in node.attribute if a.name == "transB"] for node in products] == [[1], [1]]
