"""Validation patches are split off by recording, because validation on a game seen in training is too easy."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.datasets.patch_file import Patches
from common.datasets.validation_split import split_validation
from common.errors import UserError

from .small_patches import circles, pixels, recorded


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(1, 40), min_size=2, max_size=12), st.integers(0, 5), st.floats(0.05, 0.5))
def test_a_recording_is_on_one_side_and_nothing_is_lost(counts, seed, fraction):
    patches = recorded(counts, [count // 3 for count in counts])
    train, validation, how = split_validation(patches, fraction, seed)
    if not how.startswith("by recording"):
        assert sum(count >= 3 for count in counts) == 1  # all balls are in one recording
        return
    assert not set(train.recording) & set(validation.recording)
    assert sorted([*train.recording, *validation.recording]) == sorted(patches.recording)
    assert len(train)
    assert len(validation)


def test_a_split_by_recording_has_the_right_size_is_balanced_and_depends_on_the_seed():
    generator = np.random.default_rng(3)
    counts = generator.integers(20, 120, 40)
    balls = (counts * generator.uniform(0, 0.7, 40)).astype(int)
    patches = recorded(counts, balls)
    train, validation, _ = split_validation(patches, 0.15, seed=1)
    assert abs(len(validation) / len(patches) - 0.15) < 0.01
    assert abs(validation.y.sum() / patches.y.sum() - 0.15) < 0.01
    again = split_validation(patches, 0.15, seed=1)
    assert again[1].digest == validation.digest
    assert again[0].digest == train.digest
    assert split_validation(patches, 0.15, seed=2)[1].digest != validation.digest


@pytest.mark.parametrize("recording", [None, np.array(["only"] * 200)])
def test_without_recordings_the_split_is_stratified_and_says_so(recording):
    patches = Patches(pixels(200), (np.arange(200) < 40).astype(np.float32), recording=recording)
    train, validation, how = split_validation(patches, 0.1)
    assert (len(train), len(validation)) == (180, 20)
    assert validation.y.sum() == 4
    assert "stratified" in how
    assert ("no recordings" in how) == (recording is None)


def test_a_split_by_recording_leaves_both_classes_in_training():
    """One recording has only balls and one has none, so a split by recording would leave one class for training."""
    train, validation, how = split_validation(recorded(np.array([100, 100]), np.array([100, 0])), 0.1)
    assert (len(train), train.y.sum(), len(validation), validation.y.sum()) == (180, 90, 20, 10)
    assert "stratified by class, because a split by recording would leave only one class for training" in how


def test_detection_patches_and_even_two_patches_are_split_but_a_bad_fraction_is_refused():
    train, validation, _ = split_validation(Patches(pixels(100), circles(100)), 0.2)
    assert (len(train), len(validation)) == (80, 20)
    train, validation, _ = split_validation(Patches(pixels(2), circles(2)), 0.1)
    assert (len(train), len(validation)) == (1, 1)
    with pytest.raises(UserError, match=r"fraction 1\.5"):
        split_validation(Patches(pixels(2), circles(2)), 1.5)
