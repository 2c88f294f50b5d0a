"""Writes folded networks as a Keras 2 .h5 file with h5py and json, for CompiledNN, frugally-deep and Keras 2.

Batch normalisation is folded into the convolutions, and the scale into the weights of the first convolution. So the
file contains a shift, then convolutions with bias, pooling and LeakyReLU, then dense layers and a sigmoid. CompiledNN
has no Rescaling layer, so the shift is a BatchNormalization with variance 1. CompiledNN crashes without a message
unless strings are stored as in Keras 2: single strings are variable-length ASCII, and names in lists have a fixed
length.
"""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import tensorflow as tf

from common.errors import UserError
from common.training.safe_keras_file import count_stored
from robot_export.folded_network import DenseLayer, FoldedNetwork, Joint

KERAS = "2.15.0"  # this version of Keras writes files in the same format
_EPSILON = 2.0**-10  # float32 stores this value and the variance 1 - 2^-10 exactly, so their sum is exactly 1


def write(path: Path, joint: Joint) -> None:
    """Writes the file, with the input [height, width, channels] float32 and one output [outputs]."""
    chain = _Chain(joint.branches[0].input_shape)
    # Both networks share one shift: if two layers read the input, CompiledNN computes wrong outputs for bytes.
    start = _shift(chain, joint.branches[0])
    ends = [_branch(chain, network, start, f"_{i}" if i else "") for i, network in enumerate(joint.branches)]
    end = ends[0] if len(ends) == 1 else chain.add("Concatenate", "answers", {"axis": -1}, ends)
    if joint.mix is not None:
        end = _dense(chain, joint.mix, end, "")
    layers = chain.in_order()
    config = {"name": "ball_model", "trainable": True, "layers": layers}
    config |= {"input_layers": [["patch", 0, 0]], "output_layers": [[end, 0, 0]]}
    with h5py.File(path, "w") as file:
        weights = file.create_group("model_weights")
        for place in (file, weights):
            place.attrs["backend"], place.attrs["keras_version"] = b"tensorflow", KERAS.encode()
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config}).encode()
        weights.attrs["layer_names"] = np.array([layer["name"] for layer in layers], "S")
        for layer in layers:
            group, arrays = weights.create_group(layer["name"]), chain.weights.get(layer["name"], {})
            group.attrs["weight_names"] = np.array([f"{layer['name']}/{name}:0" for name in arrays], "S")
            for name, values in arrays.items():
                group[f"{layer['name']}/{name}:0"] = np.asarray(values, np.float32)


class _Chain:
    """Collects layers in the format of Keras 2, and their weights."""

    def __init__(self, input_shape: tuple[int, int, int]):
        self.layers, self.weights = [], {}
        shape = {"batch_input_shape": [None, *input_shape], "sparse": False, "ragged": False}
        self.add("InputLayer", "patch", shape, [])

    def add(self, kind: str, name: str, config: dict, sources: list[str], **weights: np.ndarray) -> str:
        """Adds a layer whose inputs are the layers in `sources`; returns its name."""
        nodes = [[[source, 0, 0, {}] for source in sources]] if sources else []
        config = {"name": name, "dtype": "float32"} | config
        self.layers.append({"class_name": kind, "name": name, "config": config, "inbound_nodes": nodes})
        if weights:
            self.weights[name] = weights
        return name

    def in_order(self) -> list[dict]:
        """Sorts the layers into Keras 2's order of weights: the layers furthest from the output come first."""
        depth = {layer["name"]: 0 for layer in self.layers}
        for layer in reversed(self.layers):
            for node in layer["inbound_nodes"]:
                for source, *_ in node:
                    depth[source] = max(depth[source], depth[layer["name"]] + 1)
        return sorted(self.layers, key=lambda layer: -depth[layer["name"]])


def _shift(chain: _Chain, network: FoldedNetwork) -> str:
    """Adds a layer that shifts the input, unless the shift is zero; the weights contain the scale."""
    mean = -network.shift
    if not mean.any():
        return "patch"
    config = {"axis": [3], "momentum": 0.99, "epsilon": _EPSILON, "center": False, "scale": False}
    statistics = {"moving_mean": mean, "moving_variance": np.full(len(mean), 1 - _EPSILON)}
    return chain.add("BatchNormalization", "shift", config, ["patch"], **statistics)


def _branch(chain: _Chain, network: FoldedNetwork, x: str, suffix: str) -> str:
    """Adds a network after a layer; returns the name of its last layer."""
    for layer in network.scaled_convolutions:
        height, width, _, filters = layer.weights.shape
        config = {"filters": filters, "kernel_size": [height, width], "strides": [1, 1], "padding": layer.padding}
        config |= {"data_format": "channels_last", "dilation_rate": [1, 1], "groups": 1}
        config |= {"activation": "linear", "use_bias": True}
        x = chain.add("Conv2D", layer.name + suffix, config, [x], kernel=layer.weights, bias=layer.bias)
        if layer.pool > 1:
            sides = [layer.pool, layer.pool]
            config = {"pool_size": sides, "strides": sides, "padding": "valid", "data_format": "channels_last"}
            x = chain.add("MaxPooling2D", f"{layer.name}_pool{suffix}", config, [x])
        x = _leaky(chain, layer, x, suffix)
    x = chain.add("Flatten", f"flatten{suffix}", {"data_format": "channels_last"}, [x])
    for layer in network.dense:
        x = _leaky(chain, layer, _dense(chain, layer, x, suffix), suffix)
    return chain.add("Activation", f"ball{suffix}", {"activation": "sigmoid"}, [x]) if network.head == "sigmoid" else x


def _dense(chain: _Chain, layer: DenseLayer, x: str, suffix: str) -> str:
    config = {"units": len(layer.bias), "activation": "linear", "use_bias": True}
    return chain.add("Dense", layer.name + suffix, config, [x], kernel=layer.weights, bias=layer.bias)


def _leaky(chain: _Chain, layer, x: str, suffix: str) -> str:
    if layer.slope is None:
        return x
    return chain.add("LeakyReLU", f"{layer.name}_activation{suffix}", {"alpha": layer.slope}, [x])


def load(path: Path) -> tuple[Callable, tuple[int, ...]]:
    """Reads a file that `write` created, without running any code from it.

    Returns a TensorFlow function that computes the outputs of a batch, and the shape of one input.

    Raises a UserError if the file contains a layer that this module does not write, or refers to weights outside it.
    """
    count_stored(path)
    with h5py.File(path) as file:
        config = json.loads(file.attrs["model_config"])["config"]
        weights = {
            layer["name"]: [file["model_weights"][layer["name"]][name][()] for name in names]
            for layer in config["layers"]
            if len(names := file["model_weights"][layer["name"]].attrs["weight_names"].astype(str))
        }
    compute = {
        "BatchNormalization": lambda c, w, x: (x - w[0]) / tf.sqrt(w[1] + c["epsilon"]),
        "Conv2D": lambda c, w, x: tf.nn.conv2d(x, w[0], c["strides"], c["padding"].upper()) + w[1],
        "MaxPooling2D": lambda c, w, x: tf.nn.max_pool2d(x, c["pool_size"], c["strides"], c["padding"].upper()),
        "LeakyReLU": lambda c, w, x: tf.nn.leaky_relu(x, c["alpha"]),
        "Flatten": lambda c, w, x: tf.reshape(x, [-1, x.shape[1] * x.shape[2] * x.shape[3]]),
        "Dense": lambda c, w, x: x @ w[0] + w[1],
        "Activation": lambda c, w, x: {"sigmoid": tf.sigmoid}[c["activation"]](x),
        "Concatenate": lambda c, w, *x: tf.concat(x, c["axis"]),
    }
    start, *layers = config["layers"]
    if unknown := [str(layer["class_name"])[:50] for layer in layers if layer["class_name"] not in compute]:
        raise UserError(f"{path.name} was not written by this program. Received: a layer of type {unknown[0]}.")

    def run(batch):
        values = {start["name"]: batch}
        for layer in layers:
            sources = [values[source] for source, *_ in layer["inbound_nodes"][0]]
            name = layer["name"]
            values[name] = compute[layer["class_name"]](layer["config"], weights.get(name), *sources)
        return values[config["output_layers"][0][0]]

    return run, tuple(start["config"]["batch_input_shape"][1:])
