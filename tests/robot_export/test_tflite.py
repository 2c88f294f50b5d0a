"""Checks that TFLite files output the same as Keras and need only old operators; int8 files use only int8."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.python import schema_py_generated as schema

from robot_export import runtimes, tflite
from robot_export.folded_network import DenseLayer, Joint, fold

from .models import patches, random_model

# The highest version of each operator in files that we successfully loaded with TFLite 2.10 and 2.15.
TFLITE_2_10 = {"QUANTIZE": 1, "DEQUANTIZE": 2, "ADD": 2, "CONV_2D": 3, "MAX_POOL_2D": 2, "LEAKY_RELU": 1}
TFLITE_2_10 |= {"RESHAPE": 1, "FULLY_CONNECTED": 4, "LOGISTIC": 2}
MODELS = {"classifier": {}, "detector": {"head": "linear", "side": 32, "channels": 2, "filters": (5, 8, 9, 3)}}


@pytest.fixture(scope="module", params=MODELS)
def member(request):
    """Makes a network, patches, the outputs of Keras for the patches, and the files in float32 and in int8."""
    model = random_model(7, **MODELS[request.param])
    X, joint = patches(1, 60, model.input_shape[1:]), Joint((fold(model),))
    files = {"float32": tflite.convert(joint), "uint8": tflite.convert(joint, X)}
    return X, model(X.astype(np.float32)).numpy(), files


def predicted(folder, content: bytes, values: np.ndarray) -> np.ndarray:
    (folder / "model.tflite").write_bytes(content)
    return runtimes.open_file(folder / "model.tflite", "LiteRT").predict(values)


def test_the_float_file_computes_the_same_as_keras(member, tmp_path):
    X, answers, files = member
    np.testing.assert_allclose(predicted(tmp_path, files["float32"], X.astype(np.float32)), answers, atol=1e-5)


def test_the_int8_file_takes_raw_bytes_and_is_close(member, tmp_path):
    X, answers, files = member
    found = predicted(tmp_path, files["uint8"], X)
    assert 1e-5 < np.abs(found - answers).max() < 0.25 * np.ptp(answers)
    assert np.corrcoef(found[:, 0], answers[:, 0])[0, 1] > 0.98


def test_batch_normalisation_is_folded_and_the_uint8_file_computes_only_in_integers(member):
    known = {"ADD", "CONV_2D", "MAX_POOL_2D", "LEAKY_RELU", "RESHAPE", "FULLY_CONNECTED", "LOGISTIC", "DELEGATE"}
    for name in ("float32", "uint8"):
        network = Interpreter(model_content=member[2][name])
        operators = [each["op_name"] for each in network._get_ops_details()]
        assert set(operators) - {"QUANTIZE", "DEQUANTIZE"} <= known
        assert operators.count("ADD") == 1  # subtracts the mean
        if name == "uint8":
            (answer,) = network.get_output_details()
            kinds = {tensor["dtype"] for tensor in network.get_tensor_details() if tensor["index"] != answer["index"]}
            assert kinds <= {np.int8, np.uint8, np.int32}
            assert answer["dtype"] is np.float32


@pytest.mark.parametrize("name", ["float32", "uint8"])
def test_tflite_files_contain_no_operator_newer_than_tflite_2_10(member, name):
    model = schema.ModelT.InitFromPackedBuf(member[2][name], 0)
    names = {number: word for word, number in vars(schema.BuiltinOperator).items()}
    for code in model.operatorCodes:
        operator = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        assert code.version <= TFLITE_2_10[operator], operator


def test_a_dense_layer_has_one_scale_for_all_outputs(member):
    """A separate scale for each output needs a TFLite newer than 2.15, although the operator has the same version."""
    network = Interpreter(model_content=member[2]["uint8"])
    scales = {len(each["shape"]): [] for each in network.get_tensor_details()}
    for tensor in network.get_tensor_details():
        scales[len(tensor["shape"])].append(len(tensor["quantization_parameters"]["scales"]))
    assert max(scales[2]) == 1
    assert max(scales[4]) > 1  # convolutions have a scale for each output


def test_two_networks_and_a_last_layer_in_one_file(tmp_path):
    models = [random_model(7), random_model(8, head="linear")]
    X = patches(1, 30, (16, 16, 1)).astype(np.float32)
    mix = DenseLayer("answers_as_read", np.eye(4, dtype=np.float32)[:, [3, 0, 1, 2]], np.float32([0, 1, 0, 0]))
    answers = np.concatenate([model(X).numpy() for model in models], axis=1) @ mix.weights + mix.bias
    content = tflite.convert(Joint(tuple(fold(model) for model in models), mix))
    np.testing.assert_allclose(predicted(tmp_path, content, X), answers, atol=1e-5)
