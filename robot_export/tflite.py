"""Writes TFLite (LiteRT) files of a folded network: in float32, or in int8 with a uint8 input."""

import warnings
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from common.cli.quiet import quiet_stderr
from common.errors import UserError
from robot_export.folded_network import FoldedNetwork, Joint


def convert(joint: Joint, calibration: np.ndarray | None = None) -> bytes:
    """Converts a network to a TFLite file in float32, or entirely in int8, with uint8 input and float32 output.

    calibration: uint8 [n, height, width, channels], training patches for the int8 ranges; None for float32.

    Raises:
        UserError: the converter rejects a layer; the message names it.
    """
    shape = [1, *joint.branches[0].input_shape]
    function = tf.function(_forward(joint), input_signature=[tf.TensorSpec(shape, tf.float32, "patch")])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], tf.Module())
    if calibration is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        # Each dense layer has a single scale. A scale for each output needs version 12 of the operator FULLY_CONNECTED,
        # which TFLite 2.15 does not have.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
        converter.representative_dataset = lambda: ([patch[None]] for patch in calibration.astype(np.float32))
        # Only int8 operators are allowed, so a layer that cannot be quantised causes an error.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
    try:
        with quiet_stderr(), warnings.catch_warnings(action="ignore"):  # hides messages that are not about the model
            return converter.convert()
    except Exception as error:  # the converter raises many kinds of exceptions
        said = " ".join(str(error).split())
        layers = [layer for network in joint.branches for layer in (*network.convolutions, *network.dense)]
        named = next((f"layer {layer.name}" for layer in layers if layer.name in said), "the network")
        raise UserError(f"{named} cannot be converted to TFLite: {said[:300]}") from None


def _forward(joint: Joint) -> Callable:
    def forward(x):
        answers = tf.concat([_branch(x, network) for network in joint.branches], 1)
        if joint.mix is None:
            return answers
        with tf.name_scope(joint.mix.name):
            return tf.matmul(answers, tf.constant(joint.mix.weights)) + joint.mix.bias

    return forward


def _branch(x, network: FoldedNetwork):
    """Computes the outputs. Pooling before the monotonic activation gives the same result for a quarter of the work."""
    if any(network.offset):
        x = x + tf.constant(np.float32(network.shift), name="offset")
    for layer in network.scaled_convolutions:
        with tf.name_scope(layer.name):
            x = tf.nn.conv2d(x, tf.constant(layer.weights), 1, layer.padding.upper()) + layer.bias
            if layer.pool > 1:
                x = tf.nn.max_pool2d(x, layer.pool, layer.pool, "VALID")
            x = x if layer.slope is None else tf.nn.leaky_relu(x, layer.slope)
    x = tf.reshape(x, [1, -1])
    for layer in network.dense:
        with tf.name_scope(layer.name):
            x = tf.matmul(x, tf.constant(layer.weights)) + layer.bias
            x = x if layer.slope is None else tf.nn.leaky_relu(x, layer.slope)
    return tf.nn.sigmoid(x) if network.head == "sigmoid" else x
