"""Creates the loss for training the classifier: cross-entropy of the logit, with a weight for balls."""

from collections.abc import Callable

import tensorflow as tf


def make_loss(positive_weight: float = 1.0) -> Callable:
    """Creates the loss: sigmoid cross-entropy, computed from the logit so that it never overflows.

    Args:
        positive_weight: weight of a ball relative to a patch without a ball.

    Returns:
        (y [n] of 0 and 1, logit [n, 1]) -> loss per patch [n].
    """

    def loss(y, logit):
        cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logit[:, 0])
        return cross_entropy * (1 + (positive_weight - 1) * y)

    return loss
