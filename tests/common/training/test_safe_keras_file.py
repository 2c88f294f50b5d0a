"""No untrusted .keras file can run code, open another file or use far more memory than its size."""

import io
import json
import resource
import tracemalloc
import zipfile

import h5py
import keras
import numpy as np
import pytest

from common.errors import UserError
from common.training.find_model import find_model
from common.training.load_model import load_model
from common.training.safe_keras_file import load, save

SHAPE = (16, 16, 1)


@pytest.fixture
def model(tmp_path):
    """Saves a small classifier with standard Keras layers, as a student might build it."""
    inputs = keras.Input(SHAPE)
    x = keras.layers.RandomFlip()(keras.layers.SeparableConv2D(4, 3, activation="relu")(inputs))
    x = keras.layers.Dropout(0.2)(keras.layers.GlobalAveragePooling2D()(x))
    outputs = keras.layers.Dense(1, activation="sigmoid", kernel_regularizer="l2")(x)
    network = keras.Model(inputs, outputs)
    network.compile("adam", "binary_crossentropy")
    path = tmp_path / "model.keras"
    network.save(path)
    return path


def change(path, member: str, edit, method=zipfile.ZIP_STORED) -> None:
    """Rewrites one member of the archive."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[member] = edit(parts[member])
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def refused(path, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        load_model(path, SHAPE, 1)
    assert len(str(caught.value)) < 600


def test_plain_layers_give_the_same_outputs_as_in_keras(model):
    X = np.random.default_rng(0).random((5, *SHAPE), np.float32)
    expected = keras.models.load_model(model, compile=False)(X)
    np.testing.assert_allclose(load_model(model, SHAPE, 1)(X), expected, rtol=1e-6)


def layer(change_layer):
    """Returns a function that changes the last layer in the configuration."""

    def edit(content: bytes) -> bytes:
        config = json.loads(content)
        change_layer(config["config"]["layers"][-1])
        return json.dumps(config).encode()

    return edit


GET_FILE = {"module": "keras.utils", "class_name": "get_file", "config": {}, "registered_name": None}
FUNCTION = {"module": "builtins", "class_name": "function", "config": "get_file", "registered_name": "function"}
OTHER_FILE = {"class_name": "StringLookup", "config": {"name": "x", "vocabulary": "/etc/passwd"}}


@pytest.mark.parametrize(
    "edit",
    [
        lambda told: told.update(module="os", class_name="system"),
        lambda told: told.update(module="pickle"),
        lambda told: told.update(class_name="Lambda"),
        lambda told: told.update(OTHER_FILE),
        lambda told: told.update(registered_name="package>Layer"),
        lambda told: told["config"].update(activation=GET_FILE),
        lambda told: told["config"].update(activation=FUNCTION),
        lambda told: told["config"].update(activation={"module": "keras.src.x", "class_name": "ReLU"}),
        lambda told: told["config"].update(activation={"module": "keras.initializers", "class_name": "Zeros"}),
    ],
)
def test_anything_but_plain_layers_is_refused(model, edit):
    change(model, "config.json", layer(edit))
    refused(model, "more than plain Keras layers")


def test_a_configuration_with_too_many_layers_is_refused_before_they_are_made(model):
    many = [{"class_name": "Identity", "config": {"name": f"i{number}"}} for number in range(25_000)]
    change(model, "config.json", layer(lambda told: told["config"].update(layers=many)))
    refused(model, "more layers than any network")


def test_what_only_training_needs_never_reaches_keras(model):
    expected = load_model(model, SHAPE, 1).get_weights()
    parts = {f"{part}_{what}": GET_FILE for part in ("kernel", "bias") for what in ("initializer", "constraint")}
    change(model, "config.json", layer(lambda told: told["config"].update(parts)))
    for found, weight in zip(load_model(model, SHAPE, 1).get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, weight)


def test_a_keras_lambda_layer_is_refused(tmp_path):
    inputs = keras.Input(SHAPE)
    network = keras.Model(inputs, keras.layers.Lambda(lambda x: x[:, 0, 0], output_shape=(1,))(inputs))
    network.save(tmp_path / "m.keras")
    refused(tmp_path / "m.keras", "more than plain Keras layers")


@pytest.mark.parametrize("member", ["config.json", "metadata.json", "model.weights.h5"])
def test_a_member_that_unpacks_to_a_gigabyte_is_refused_before_it_is_read(model, member):
    change(model, member, lambda content: content + b" " * 200_000_000, zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    refused(model, "unpacks to more data than a model can have")
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_table_of_contents_that_fills_the_memory_is_refused(model):
    with zipfile.ZipFile(model, "a") as archive:
        for number in range(3000):
            archive.writestr(f"a-member-with-a-longer-name-{number}", b"")
    refused(model, "its table of contents cannot belong to a model")


@pytest.mark.parametrize(
    "change_layer",
    [
        lambda told: told["config"].update(units=10**9),
        lambda told: told["config"].update(units=10**30),
        lambda told: told.update(class_name="RepeatVector", config={"name": "x", "n": 10**9}, build_config=None),
    ],
)
def test_layers_larger_than_the_file_are_refused_before_they_are_made(model, change_layer):
    change(model, "config.json", layer(change_layer))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(model, "its layers need|more values per patch|cannot be loaded")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


def weights(edit):
    """Returns a function that removes the first dataset from the HDF5 file of weights and lets `edit` replace it."""

    def rewrite(content: bytes) -> bytes:
        file = io.BytesIO(content)
        with h5py.File(file, "r+") as opened:
            names = []
            opened.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
            shape = opened[names[0]].shape
            del opened[names[0]]
            edit(opened, names[0], shape)
        return file.getvalue()

    return rewrite


def in_another_file(file, name, shape):
    file.create_dataset(name, shape, "f4", external=[("/etc/passwd", 0, 4 * int(np.prod(shape)))])


def of_a_link(file, name, shape):
    file[name] = h5py.ExternalLink("/etc/passwd", "/")


def of_a_virtual_dataset(file, name, shape):
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource("/tmp/elsewhere.h5", "x", shape)
    file.create_virtual_dataset(name, layout)


def never_written(file, name, shape):
    file.create_dataset(name, (10**7, 10**5), "f4", chunks=(64, 64))


@pytest.mark.parametrize("edit", [in_another_file, of_a_link, of_a_virtual_dataset, never_written])
def test_weights_in_another_file_are_refused(model, edit):
    change(model, "model.weights.h5", weights(edit))
    refused(model, "its weights (are incomplete|refer to other files)")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_gives_one_line(model, kept):
    content = model.read_bytes()
    model.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UserError, match=r"not a \.keras file|cannot be loaded"):
        load(find_model(model))


def test_the_error_for_a_keras_2_model_says_how_to_convert_it(model):
    change(model, "metadata.json", lambda _: b'{"keras_version": "2.15.0"}')
    refused(model, r"saved by Keras 2\. .*load_model")


def test_a_saved_model_contains_nothing_that_only_training_needs(model, tmp_path):
    save(load(model), tmp_path / "saved.keras")
    with zipfile.ZipFile(tmp_path / "saved.keras") as archive:
        config = archive.read("config.json").decode()
    assert "initializer" not in config
    assert "regularizer" not in config
    assert "quantization_config" not in config
    assert keras.models.load_model(tmp_path / "saved.keras").count_params() > 0
