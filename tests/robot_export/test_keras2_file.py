"""Reads the Keras 2 file with code that is independent of the code that wrote it."""

import json
import os
import subprocess
import sys
import warnings

import h5py
import keras
import numpy as np
import pytest

from common.errors import UserError
from robot_export import keras2_file
from robot_export.folded_network import DenseLayer, Joint, fold

from .models import patches, random_model

MODELS = {
    "classifier": {},
    "detector": {"head": "linear", "side": 32, "channels": 2, "filters": (5, 8, 9, 3)},
    "joint": {},
}


@pytest.fixture(params=MODELS)
def written(request, tmp_path):
    """Writes a file; returns its path, patches, and the outputs of Keras for these patches."""
    models = [random_model(7, **MODELS[request.param])]
    mix = None
    if request.param == "joint":  # one branch has an additional layer, which affects the order of weights
        models.append(random_model(7, head="linear"))
        mix = DenseLayer("order", np.eye(4, dtype=np.float32)[:, [1, 0, 2, 3]], np.zeros(4, np.float32))
    X = patches(1, 40, models[0].input_shape[1:]).astype(np.float32)
    answers = np.concatenate([model(X).numpy() for model in models], axis=1)
    path = tmp_path / "model.h5"
    keras2_file.write(path, Joint(tuple(fold(model) for model in models), mix))
    return path, X, answers if mix is None else answers @ mix.weights


def test_keras_reads_it(written):
    path, X, answers = written
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras 3 warns that alpha has a new name
        model = keras.models.load_model(path, compile=False)
    np.testing.assert_allclose(model([X]).numpy(), answers, atol=1e-5, rtol=1e-5)


def test_our_own_reader_gives_the_same_outputs(written):
    path, X, answers = written
    compute, shape = keras2_file.load(path)
    assert shape == X.shape[1:]
    np.testing.assert_allclose(compute(X).numpy(), answers, atol=1e-5, rtol=1e-5)


def test_strings_are_stored_as_compiled_nn_reads_them(written):
    """CompiledNN calls the HDF5 library with these types and reports no error for other types."""
    with h5py.File(written[0]) as file:
        for name in ("keras_version", "model_config"):
            kind = h5py.h5a.open(file.id, name.encode()).get_type()
            assert (kind.is_variable_str(), kind.get_cset()) == (True, h5py.h5t.CSET_ASCII)
        for layer in file["model_weights"].values():
            names = h5py.h5a.open(layer.id, b"weight_names").get_type()
            assert (names.is_variable_str(), names.get_cset()) == (False, h5py.h5t.CSET_ASCII)
        config = json.loads(file.attrs["model_config"])["config"]
    known = {"InputLayer", "BatchNormalization", "Conv2D", "MaxPooling2D", "LeakyReLU", "Flatten", "Dense"}
    assert {layer["class_name"] for layer in config["layers"]} <= known | {"Activation", "Concatenate"}
    behind_the_input = [layer for layer in config["layers"] if str(layer["inbound_nodes"]).startswith("[[['patch'")]
    assert len(behind_the_input) == 1  # otherwise CompiledNN converts bytes incorrectly


def test_a_file_with_a_lambda_layer_is_refused(written, tmp_path):
    with h5py.File(written[0], "r+") as file:
        file.attrs["model_config"] = file.attrs["model_config"].replace('"Flatten"', '"Lambda"').encode()
    with pytest.raises(UserError, match="a layer of type Lambda"):
        keras2_file.load(written[0])


KERAS_2 = """
import sys, numpy, tensorflow
model = tensorflow.keras.models.load_model(sys.argv[1], compile=False)
numpy.save(sys.argv[3], model(numpy.load(sys.argv[2])).numpy())
"""


@pytest.fixture(scope="session")
def keras_2(tmp_path_factory):
    """Installs Keras 2 in a separate environment, because it conflicts with Keras 3; returns the path of its Python."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("TensorFlow 2.15, the last version with Keras 2, needs Python 3.11 or older")
    folder = tmp_path_factory.mktemp("keras2")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [folder / "bin" / "pip", "install", "--quiet", "tensorflow-cpu==2.15.1"]
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(install, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        pytest.skip(f"TensorFlow 2.15 cannot be installed here: {done.stderr.strip()[-300:]}")
    return folder / "bin" / "python"


@pytest.mark.slow
def test_keras_2_reads_it(written, keras_2, tmp_path):
    path, X, answers = written
    np.save(tmp_path / "X.npy", X)
    command = [keras_2, "-c", KERAS_2, path, tmp_path / "X.npy", tmp_path / "answers.npy"]
    subprocess.run(command, check=True, capture_output=True, env={"TF_CPP_MIN_LOG_LEVEL": "3"})
    np.testing.assert_allclose(np.load(tmp_path / "answers.npy"), answers, atol=1e-5, rtol=1e-5)
