"""Computes the outputs of a model for patches, with one compiled call per batch."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from common.cli.progress import progress_bar

BATCH = 1024  # with larger batches, the activations do not fit into the cache of one core


def make_predictor(model) -> Callable[[np.ndarray], np.ndarray]:
    """Compiles a model once into a function for any number of calls; training calls the function after every epoch.

    Returns:
        A function: X uint8 [n, height, width, channels] -> float32 [n, outputs], for any n.
    """

    @tf.function(input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)], autograph=False)
    def call(batch):
        return model(tf.cast(batch, tf.float32), training=False)

    def predict(X: np.ndarray) -> np.ndarray:
        outputs = np.empty((len(X), model.output_shape[-1]), np.float32)
        for start in progress_bar(range(0, len(X), BATCH), desc="scoring", unit="batch", delay=1, leave=False):
            outputs[start : start + BATCH] = call(X[start : start + BATCH]).numpy()
        return outputs

    return predict
