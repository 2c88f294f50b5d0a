"""Tests the classifier's loss."""

import numpy as np
import tensorflow as tf

from classifier_cnn.loss import make_loss


def test_loss_is_cross_entropy_of_the_probability():
    y, logit = tf.constant([1.0, 0.0, 1.0]), tf.constant([[2.0], [-1.0], [-3.0]])
    probability = 1 / (1 + np.exp(-logit.numpy()[:, 0]))
    expected = -np.log(np.where(y == 1, probability, 1 - probability))
    np.testing.assert_allclose(make_loss()(y, logit), expected, rtol=1e-5)
    np.testing.assert_allclose(make_loss(positive_weight=3)(y, logit), expected * [3, 1, 3], rtol=1e-5)


def test_loss_is_finite_for_confident_errors():
    loss = make_loss(positive_weight=10)(tf.constant([1.0, 0.0]), tf.constant([[-500.0], [500.0]]))
    np.testing.assert_allclose(loss, [5000, 500], rtol=1e-5)
