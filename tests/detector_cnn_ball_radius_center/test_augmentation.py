"""Tests that pixels and circles move together: properties of the transforms, and measurements of rendered discs."""

import runpy

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.cli.training_options import default_epochs
from detector_cnn_ball_radius_center import augmentation, options
from detector_cnn_ball_radius_center.augmentation import flip, make_augmentation, turn

from ..tiny import ROOT

MEASURED_ONLY = runpy.run_path(str(ROOT / "benchmarks" / "zoom_and_shift.py"))
CENTRE_LIMITS, zoom_and_shift = MEASURED_ONLY["CENTRE_LIMITS"], MEASURED_ONLY["zoom_and_shift"]
OFFSET = np.float32([0, *augmentation.LABEL_OFFSET])  # offset of a label from the drawn disc
seeds = st.integers(0, 2**32 - 1)
few = settings(deadline=None, max_examples=10)
COUNT = 20


def disc(circle, size=16, cells=8):
    """Draws a bright disc on black, float32 [size, size, 1]; every pixel is the mean of cells x cells points."""
    radius, x, y = circle
    points = (np.arange(size * cells) + 0.5) / (size * cells)
    inside = np.hypot(points[None] - x, points[:, None] - y) < radius
    return 255 * inside.reshape(size, cells, size, cells).mean((1, 3)).astype(np.float32)[..., None]


def measured(x):
    """Measures [radius, center_x, center_y] of discs that are inside their patch, from their area and centroid."""
    size, mass = x.shape[1], x[..., 0] / 255
    place = (np.arange(size) + 0.5) / size
    area = mass.sum((1, 2))
    centre = (mass.sum(1) @ place / area, mass.sum(2) @ place / area)
    return np.stack([np.sqrt(area / np.pi) / size, *centre], 1)


def discs(seed, low, high):
    rng = np.random.default_rng(seed)
    y = rng.uniform(low, high, (COUNT, 3)).astype(np.float32)
    return np.stack([disc(circle) for circle in y]), y + OFFSET, rng


def flags(*values):
    return [tf.fill([COUNT], value) for value in values]


def test_the_discs_are_measured_correctly():
    x, y, _ = discs(0, (0.15, 0.4, 0.4), (0.3, 0.6, 0.6))
    np.testing.assert_allclose(measured(x), y - OFFSET, atol=0.002)


@given(seeds)
@few
def test_a_disc_and_its_circle_move_together_in_every_transform(seed):
    x, y, rng = discs(seed, (0.15, 0.4, 0.4), (0.25, 0.6, 0.6))
    bools = (tf.constant(rng.random(COUNT) < 0.5) for _ in range(3))
    zoom, shift_x, shift_y = (
        tf.constant(rng.uniform(low, high, COUNT).astype(np.float32))
        for low, high in ((0.85, 1.15), (-1.5, 1.5), (-1.5, 1.5))
    )
    moved, circles = (np.asarray(value) for value in zoom_and_shift(*turn(x, y, *bools), zoom, shift_x, shift_y))
    found = measured(moved) + OFFSET
    np.testing.assert_allclose(found[:, 1:], circles[:, 1:], atol=0.1 / 16)  # a tenth of a pixel
    np.testing.assert_allclose(found[:, 0], circles[:, 0], atol=0.15 / 16)
    assert np.abs(circles - y).max() > 1 / 16  # the circles moved


def test_shift_is_the_distance_that_the_content_moves():
    x, y, _ = discs(1, (0.15, 0.4, 0.4), (0.25, 0.6, 0.6))
    ones = tf.ones([COUNT])
    _, circles = zoom_and_shift(x, y, ones, 2 * ones, -1 * ones)
    np.testing.assert_allclose(circles, y + np.array([0, 2 / 16, -1 / 16]), atol=1e-6)


@pytest.mark.parametrize("planes", [1, 3])
def test_flip_is_exact_and_mirrors_only_the_chosen_patches(planes):
    x = (
        np.random.default_rng(0).integers(0, 256, (4, 12, 16, planes)).astype(np.float32)
    )  # wider than tall, so that the test fails if the axes are mixed up
    found = flip(tf.constant(x), tf.constant([False, True, False, True]), tf.constant([False, False, True, True]))
    for mirrored, original, axes in zip(found.numpy(), x, ((), 1, 0, (0, 1)), strict=True):
        np.testing.assert_array_equal(mirrored, np.flip(original, axes))


@given(seeds)
@few
def test_two_flips_are_the_identity(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 256, (COUNT, 16, 16, 3)).astype(np.float32), rng.random((COUNT, 3)).astype(np.float32)
    for flips in ((False, True, False), (False, False, True), (True, False, False), (False, True, True)):
        once = turn(x, y, *flags(*flips))
        assert np.abs(once[1] - y).max() > 0.1
        twice = turn(*once, *flags(*flips))
        np.testing.assert_allclose(twice[0], x, atol=1e-3)
        np.testing.assert_allclose(twice[1], y, atol=1e-6)


@given(seeds)
@few
def test_four_quarter_turns_are_the_identity(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 256, (COUNT, 16, 16, 1)).astype(np.float32), rng.random((COUNT, 3)).astype(np.float32)
    turned = (x, y)
    for count in range(1, 5):
        turned = turn(*turned, *flags(True, True, False))  # transposed, then mirrored: a quarter turn clockwise
        np.testing.assert_allclose(turned[0], np.rot90(x, -count, (1, 2)), atol=1e-3)
    np.testing.assert_allclose(turned[1], y, atol=1e-6)


def test_a_clockwise_quarter_turn_matches_a_hand_calculation():
    _, circles = turn(
        tf.zeros([1, 16, 16, 1]),
        tf.constant(np.float32([[0.4, 0.3, 0.6]]) + OFFSET),
        *(tf.constant([v]) for v in (True, True, False)),
    )
    np.testing.assert_allclose(circles - OFFSET, [[0.4, 0.4, 0.3]], atol=1e-6)  # (x, y) -> (1 - y, x)


@given(seeds)
@few
def test_no_centre_is_pushed_out_of_the_patch(seed):
    """With large shifts and zooms, the centre stops at the limit, and the circle still matches the disc."""
    x, y, rng = discs(seed, (0.1, 0.3, 0.3), (0.15, 0.7, 0.7))
    shift = tf.constant(rng.uniform(-16, 16, COUNT).astype(np.float32))
    zoom = tf.constant(rng.uniform(0.4, 0.8, COUNT).astype(np.float32))
    x, y = turn(x, y, *flags(False, True, False))
    moved, circles = (np.asarray(value) for value in zoom_and_shift(x, y, zoom, shift, shift))
    low, high = CENTRE_LIMITS
    assert circles[:, 1:].min() >= low - 1e-6
    assert circles[:, 1:].max() <= high + 1e-6
    assert np.isclose(circles[:, 1:], low, atol=1e-5).any() or np.isclose(circles[:, 1:], high, atol=1e-5).any()
    whole = ((circles[:, 1:] - circles[:, :1] > 0.1) & (circles[:, 1:] + circles[:, :1] < 0.9)).all(1)
    np.testing.assert_allclose((measured(moved[whole]) + OFFSET)[:, 1:], circles[whole, 1:], atol=0.1 / 16)


def test_a_labelled_centre_outside_the_patch_is_not_pushed_further_out():
    y = np.tile(np.float32([[0.3, 1.014, 0.02]]) + OFFSET, (COUNT, 1))
    ones, x = tf.ones([COUNT]), tf.zeros([COUNT, 16, 16, 1])
    _, flipped = turn(x, y, *flags(False, True, True))
    np.testing.assert_allclose(flipped - OFFSET, np.tile([[0.3, -0.014, 0.98]], (COUNT, 1)), atol=1e-6)
    _, pushed = zoom_and_shift(x, y, ones, 5 * ones, -5 * ones)
    np.testing.assert_allclose(pushed, y, atol=1e-6)
    _, back = zoom_and_shift(x, y, ones, -4 * ones, 4 * ones)
    np.testing.assert_allclose(back, y + np.array([0, -0.25, 0.25]), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2])
def test_the_recipe_varies_by_patch_and_step_and_gives_the_same_result_when_compiled(channels):
    rng = np.random.default_rng(0)
    x = np.tile(rng.integers(0, 256, (1, 16, 16, channels)), (64, 1, 1, 1)).astype(np.float32)
    y = np.tile(np.float32([[0.4, 0.45, 0.6]]), (64, 1))
    augment = make_augmentation(0)
    one, other = (augment(tf.constant(x), tf.constant(y), tf.constant([0, step])) for step in (0, 1))
    assert len(np.unique(np.round(one[0], 3), axis=0)) == 64
    assert len(np.unique(np.round(one[1], 4), axis=0)) >= 8
    assert np.abs(one[1] - other[1]).max() > 0.05
    assert np.asarray(one[0]).min() >= 0
    assert np.asarray(one[0]).max() <= 255
    compiled = tf.function(augment)(tf.constant(x), tf.constant(y), tf.constant([0, 0]))
    for a, b in zip(one, compiled, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)


def test_a_default_run_sees_the_same_number_of_patches_for_any_file_size():
    for patches in (1768, 20_000):
        assert default_epochs(patches, options.PATCHES_SEEN) * patches == pytest.approx(options.PATCHES_SEEN, rel=0.02)
    assert default_epochs(10**7, options.PATCHES_SEEN) == 20
