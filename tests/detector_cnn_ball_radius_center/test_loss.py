"""Tests the detector's losses: their gradients, and values computed by hand."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from detector_cnn_ball_radius_center.loss import HUBER_DELTA, circle_iou_loss, huber, make_loss
from detector_cnn_ball_radius_center.metrics import circle_iou
from detector_cnn_ball_radius_center.options import LOSSES

seeds = st.integers(0, 2**32 - 1)


def circles(seed, low=(0.05, 0.0, 0.0), high=(0.75, 1.0, 1.0)):
    """Draws a thousand circles (float32).

    Two of these sets contain pairs of identical circles, pairs that overlap, and pairs that are far apart.
    """
    drawn = np.random.default_rng(seed).uniform(low, high, (1000, 3)).astype(np.float32)
    drawn[::10, 1:] = 0.5
    drawn[::20, 0] = 0.25
    return drawn


def gradient(loss, y, found):
    found = tf.constant(np.float32(found))
    with tf.GradientTape() as tape:
        tape.watch(found)
        value = loss(tf.constant(np.float32(y)), found)
    return value.numpy(), tape.gradient(value, found).numpy()


@given(seeds)
@settings(deadline=None, max_examples=5)
def test_circle_iou_loss_agrees_with_the_iou_of_the_metrics(seed):
    """Without the penalty for the distance, 1 - loss equals the IoU that the metrics compute."""
    y, found = circles(seed), circles(seed + 1)
    distance = np.hypot(*(y - found)[:, 1:].T)
    around = np.maximum(distance + y[:, 0] + found[:, 0], 2 * np.maximum(y[:, 0], found[:, 0]))
    overlap = 1 - circle_iou_loss(tf.constant(y), tf.constant(found)).numpy() + (distance / around) ** 2
    # The tolerance is for circles that hardly overlap: there, acos of a float32 near 1 is inaccurate.
    np.testing.assert_allclose(overlap, circle_iou(y, found), atol=3e-3)


@given(seeds)
@settings(deadline=None, max_examples=5)
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_and_its_gradient_are_finite_everywhere(name, seed):
    found = circles(seed + 1, (-1, -2, -2), (1, 2, 2))
    value, slope = gradient(make_loss(name), circles(seed), found)
    assert np.isfinite(value).all()
    assert value.min() >= -1e-5
    assert np.isfinite(slope).all()
    assert np.all((np.abs(slope).max(1) > 0) | np.isclose(value, 0, atol=1e-6))  # zero only for a perfect output


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    "found",
    [(0.2, 0.1, 0.1), (0.2, 0.95, 0.5), (0.3, 0.6, 0.5), (0.39, 0.5, 0.5), (0.41, 0.5, 0.5), (-0.2, 0.5, 0.5)],
    ids=["disjoint", "disjoint beside", "overlapping", "inside", "around", "negative radius"],
)
def test_a_small_step_down_the_gradient_reduces_the_loss(name, found):
    y = np.float32([[0.4, 0.5, 0.5]]) if found[0] > 0.2 or found[0] < 0 else np.float32([[0.2, 0.6, 0.5]])
    before, slope = gradient(make_loss(name), y, [found])
    assert np.abs(slope).max() > 0
    after, _ = gradient(make_loss(name), y, np.float32([found]) - 1e-3 * slope / np.abs(slope).max())
    assert after[0] < before[0]


def test_the_gradient_of_the_overlap_agrees_with_finite_differences():
    y, found = np.float32([[0.4, 0.5, 0.5]]), np.float32([[0.35, 0.62, 0.44]])
    _, slope = gradient(circle_iou_loss, y, found)

    def exact(circle):
        distance = np.hypot(*(circle - y)[0, 1:])
        return 1 - circle_iou(y, circle)[0] + (distance / (distance + y[0, 0] + circle[0, 0])) ** 2

    for i in range(3):
        step = np.zeros((1, 3))
        step[0, i] = 1e-4
        by_difference = (exact(found + step) - exact(found - step)) / 2e-4
        assert slope[0, i] == pytest.approx(by_difference, rel=1e-3, abs=1e-4)


def test_a_perfect_output_has_zero_loss():
    y = np.float32([[0.4, 0.5, 0.5], [0.31, 0.7, 0.2]])
    for name in LOSSES:
        np.testing.assert_allclose(make_loss(name)(tf.constant(y), tf.constant(y)), 0, atol=1e-3)


def test_huber_is_quadratic_near_and_linear_far():
    y = np.zeros((2, 3), np.float32)
    found = np.float32([[HUBER_DELTA / 2, 0, 0], [0, 3 * HUBER_DELTA, 0]])
    np.testing.assert_allclose(huber(tf.constant(y), tf.constant(found)), [0.125 / 3, 2.5 / 3], rtol=1e-5)


def test_mean_absolute_error_matches_a_hand_calculation():
    value = make_loss("mae")(tf.zeros([1, 3]), tf.constant([[0.3, -0.6, 0.0]]))
    np.testing.assert_allclose(value, [0.3], rtol=1e-6)
