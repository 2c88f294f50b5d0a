"""The augmentations do what their docstrings say, match slow references, and give the same result when compiled."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier_cnn.augmentation import make_augmentation
from common.training import augmentation_ops

SEED = tf.constant([3, 5])
settings.register_profile("augment", deadline=None, max_examples=15)
settings.load_profile("augment")


@pytest.fixture
def patches():
    return np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3)).astype(np.float32)


def moved(x, scale_x=1.0, scale_y=1.0, shift_x=0.0, shift_y=0.0, blur=0.0):
    values = [tf.fill([len(x)], float(v)) for v in (scale_x, scale_y, shift_x, shift_y, blur)]
    return augmentation_ops.resample(tf.constant(x), *values).numpy()


def transposed(x, chosen=True):
    return augmentation_ops.transpose(tf.constant(x), tf.fill([len(x)], chosen)).numpy()


def test_a_scale_of_minus_one_is_a_flip(patches):
    np.testing.assert_allclose(moved(patches, scale_x=-1), np.flip(patches, 2), atol=1e-3)
    np.testing.assert_allclose(moved(patches, scale_y=-1), np.flip(patches, 1), atol=1e-3)


def test_flip_twice_is_identity(patches):
    for axis in ("scale_x", "scale_y"):
        np.testing.assert_allclose(moved(moved(patches, **{axis: -1}), **{axis: -1}), patches, atol=1e-3)


def test_a_quarter_turn_transposes_and_flips_and_four_of_them_change_nothing(patches):
    turned = patches
    for count in range(1, 5):
        turned = moved(transposed(turned), scale_x=-1)
        np.testing.assert_allclose(turned, np.rot90(patches, -count, (1, 2)), atol=1e-3)
    np.testing.assert_allclose(turned, patches, atol=1e-3)


def test_transpose_moves_the_chosen_patches_only(patches):
    chosen = np.arange(len(patches)) % 2 == 0
    found = augmentation_ops.transpose(tf.constant(patches), tf.constant(chosen)).numpy()
    np.testing.assert_array_equal(found[chosen], patches[chosen].swapaxes(1, 2))
    np.testing.assert_array_equal(found[~chosen], patches[~chosen])


def shifted_slowly(x, by_x, by_y):
    """Computes every output pixel separately; beyond the edge, the nearest pixel is repeated."""
    found, (height, width) = np.empty_like(x), x.shape[1:3]
    for row in range(height):
        for column in range(width):
            from_row, from_column = min(max(row + by_y, 0), height - 1), min(max(column + by_x, 0), width - 1)
            found[:, row, column] = x[:, from_row, from_column]
    return found


@given(st.integers(-5, 5), st.integers(-5, 5))
def test_shift_by_whole_pixels(by_x, by_y):
    x = np.random.default_rng(1).integers(0, 256, (2, 16, 16, 1)).astype(np.float32)
    np.testing.assert_allclose(moved(x, shift_x=by_x, shift_y=by_y), shifted_slowly(x, by_x, by_y), atol=1e-3)


def test_each_patch_is_shifted_by_its_own_amount(patches):
    zero, one = tf.zeros([6]), tf.ones([6])
    found = augmentation_ops.resample(tf.constant(patches), one, one, tf.range(6.0), zero, zero).numpy()
    for i, patch in enumerate(patches):
        np.testing.assert_allclose(found[i], shifted_slowly(patch[None], i, 0)[0], atol=1e-3)


def test_zoom_moves_a_point_as_the_docstring_says():
    """A bright pixel 4.5 px from the middle, shifted by 1.5 and enlarged by 1.5, ends up (4.5 - 1.5) * 1.5 px away."""
    x = np.zeros((1, 16, 16, 1), np.float32)
    x[0, 12, 12] = 255  # 12 - 7.5 = 4.5
    found = moved(x, 1 / 1.5, 1 / 1.5, 1.5, 1.5)[0, ..., 0]
    centre = (found.sum(0) * np.arange(16)).sum() / found.sum()
    assert centre - 7.5 == pytest.approx((4.5 - 1.5) * 1.5, abs=0.2)


@given(st.floats(0.5, 2), st.sampled_from([-1.0, 1.0]), st.floats(-20, 20), st.floats(0, 3), st.sampled_from([16, 32]))
def test_rows_of_the_sampling_matrix_sum_to_one(zoom, flip, shift, blur, size):
    matrix = augmentation_ops._sampling_matrix(
        size, *(tf.constant([v], tf.float32) for v in (zoom * flip, shift, blur))
    )
    np.testing.assert_allclose(matrix.numpy().sum(-1), 1, atol=1e-5)
    assert matrix.shape == (1, size, size)
    assert np.all(matrix.numpy() >= 0)


def test_blur_lowers_contrast_and_keeps_the_mean(patches):
    blurred = moved(patches, blur=1)
    inside = (slice(None), slice(2, -2), slice(2, -2))
    assert blurred[inside].std() < 0.75 * patches[inside].std()
    assert blurred.mean() == pytest.approx(patches.mean(), rel=0.02)


# --- two channels -------------------------------------------------------------------------------------------------


@pytest.fixture
def yuv():
    """Makes patches with random Y, with U below 128 and with V above 128, so that U and V can be distinguished."""
    rng = np.random.default_rng(2)
    x = rng.integers(0, 256, (4, 16, 16, 2)).astype(np.float32)
    x[..., 0::2, 1] = rng.integers(0, 100, (4, 16, 8))
    x[..., 1::2, 1] = rng.integers(156, 256, (4, 16, 8))
    return x


def test_unpacking_and_packing_is_a_round_trip(yuv):
    planes = augmentation_ops.unpack_chroma(tf.constant(yuv))
    assert planes.shape == (4, 16, 16, 3)
    np.testing.assert_array_equal(augmentation_ops.pack_chroma(planes), yuv)
    np.testing.assert_array_equal(planes[..., 1].numpy()[:, :, 5], yuv[:, :, 4, 1])  # columns 4 and 5 share U


def test_one_channel_passes_unchanged(yuv):
    x = tf.constant(yuv[..., :1])
    np.testing.assert_array_equal(augmentation_ops.unpack_chroma(x), x)
    np.testing.assert_array_equal(augmentation_ops.pack_chroma(x), x)


def test_horizontal_flip_moves_colours_without_swapping_u_and_v(yuv):
    flipped = augmentation_ops.pack_chroma(
        tf.constant(moved(augmentation_ops.unpack_chroma(tf.constant(yuv)), scale_x=-1))
    ).numpy()
    np.testing.assert_allclose(flipped[..., 0], yuv[:, :, ::-1, 0], atol=1e-3)
    np.testing.assert_allclose(flipped[:, :, 0::2, 1], yuv[:, :, ::-1, 1][:, :, 1::2], atol=1e-3)  # U from U
    np.testing.assert_allclose(flipped[:, :, 1::2, 1], yuv[:, :, ::-1, 1][:, :, 0::2], atol=1e-3)  # V from V


def test_whole_augmentation_keeps_u_and_v_in_their_columns(yuv):
    found, _ = make_augmentation(0)(tf.constant(yuv), tf.zeros([4]), SEED)
    assert found[..., 0::2, 1].numpy().mean() < 60
    assert found[..., 1::2, 1].numpy().mean() > 195


# --- light and noise ----------------------------------------------------------------------------------------------


def test_relight_changes_only_y(patches):
    found = augmentation_ops.relight(tf.constant(patches), *(tf.fill([6], v) for v in (20.0, 1.2, 0.3))).numpy()
    np.testing.assert_array_equal(found[..., 1:], patches[..., 1:])
    assert np.abs(found[..., 0] - patches[..., 0]).mean() > 5


def test_relight_on_a_crafted_patch():
    """The mean is 100, so half the contrast changes 80 and 120 to 90 and 110; adding 10 gives 100 and 120."""
    x = np.full((1, 4, 4, 1), 80, np.float32)
    x[:, ::2] = 120
    found = augmentation_ops.relight(tf.constant(x), *(tf.constant([v]) for v in (10.0, 0.5, 0.0))).numpy()
    np.testing.assert_allclose(found[0, :2, 0, 0], [120, 100], atol=1e-4)
    tone = augmentation_ops.relight(tf.constant(x), *(tf.constant([v]) for v in (0.0, 1.0, 0.5))).numpy()
    np.testing.assert_allclose(tone[0, 0, 0, 0], 120 + 0.5 * 120 * (1 - 120 / 255), rtol=1e-5)


def test_noise_has_the_requested_deviation_per_patch():
    pool = augmentation_ops.noise_pool(1 << 14, [1, 2])
    x = tf.fill([3, 32, 32, 1], 100.0)
    found = augmentation_ops.add_noise(x, tf.constant([0.0, 2.0, 8.0]), pool, SEED).numpy() - 100
    assert found[0].std() == 0
    assert found[1].std() == pytest.approx(2, rel=0.1)
    assert found[2].std() == pytest.approx(8, rel=0.1)


# --- all steps of the recipe's augmentation together -----------------------------------------------------------------


@pytest.fixture
def bytes_of_one_patch():
    """Returns copies of one patch with black and white pixels, so that only the augmentation makes them differ."""
    x = np.random.default_rng(4).choice([0, 60, 128, 255], (1, 16, 16, 1)).astype(np.float32)
    return tf.constant(np.repeat(x, 32, 0)), tf.constant(np.arange(32) % 2, tf.float32)


def test_values_stay_in_0_to_255_and_labels_are_unchanged(bytes_of_one_patch):
    x, y = bytes_of_one_patch
    found, labels = make_augmentation(0)(x, y, SEED)
    assert found.shape == x.shape
    assert found.numpy().min() == 0  # values are clipped at 0 and 255, not wrapped around
    assert found.numpy().max() == 255
    np.testing.assert_array_equal(labels, y)


def test_varies_within_one_batch_and_between_steps(bytes_of_one_patch):
    x, y = bytes_of_one_patch
    augmentation = tf.function(make_augmentation(0))
    first, second = (augmentation(x, y, tf.constant([0, step]))[0].numpy() for step in (0, 1))
    assert len(np.unique(first.reshape(32, -1), axis=0)) == 32
    assert np.all(np.abs(first - second).mean((1, 2, 3)) > 1)


def test_only_the_same_seed_gives_the_same_output(bytes_of_one_patch):
    first, again, other = (
        make_augmentation(seed)(*bytes_of_one_patch, tf.constant([seed, 9]))[0] for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 1


@pytest.mark.parametrize("channels", [1, 2])
def test_compiled_equals_eager(channels):
    x = tf.constant(np.random.default_rng(5).integers(0, 256, (8, 16, 16, channels)), tf.float32)
    augmentation, y = make_augmentation(1), tf.zeros([8])
    eager, compiled = (run(x, y, SEED)[0] for run in (augmentation, tf.function(augmentation)))
    np.testing.assert_allclose(compiled, eager, atol=1e-3)


def test_augmentation_is_unbiased_in_position_and_brightness(bytes_of_one_patch):
    """A dot in the middle stays in the middle on average: it neither drifts by half a pixel nor favours one side."""
    x = np.full((512, 16, 16, 1), 60, np.float32)
    x[:, 7:9, 7:9] = 200
    found = make_augmentation(2)(tf.constant(x), tf.zeros([512]), SEED)[0].numpy()[..., 0]
    found = np.abs(found - np.median(found, (1, 2), keepdims=True)).mean(0)
    for axis in (0, 1):
        profile = found.sum(axis) - found.sum(axis).min()
        assert (profile * np.arange(16)).sum() / profile.sum() == pytest.approx(7.5, abs=0.3)


XLA = """
import tensorflow as tf

from {project}.augmentation import make_augmentation

augmentation, steps = make_augmentation(0), tf.Variable(0)

@tf.function(jit_compile=True)
def step(x, y):
    steps.assign_add(1)
    return augmentation(x, y, tf.stack([0, steps]))

for _ in range(4):
    step(tf.ones((4, 16, 16, 1)), tf.fill((4, 3), 0.4))
"""


@pytest.mark.slow
@pytest.mark.parametrize("project", ["classifier_cnn", "detector_cnn_ball_radius_center"])
def test_xla_compiles_once_for_all_steps(project, tmp_path):
    environment = os.environ | {"XLA_FLAGS": f"--xla_dump_to={tmp_path} --xla_dump_hlo_as_text"}
    subprocess.run([sys.executable, "-c", XLA.format(project=project)], env=environment, check=True)
    assert len(list(tmp_path.glob("module_*before_optimizations.txt"))) == 1
