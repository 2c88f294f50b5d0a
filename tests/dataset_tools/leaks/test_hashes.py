"""Each fingerprint depends on the intended properties of a patch, and on nothing else."""

import numpy as np
import pytest

from dataset_tools.leaks import hashes
from dataset_tools.leaks.duplicates import NEAR_BITS

from .smooth_pictures import pictures


@pytest.mark.parametrize("fingerprint", [hashes.content, hashes.look, hashes.contrast])
def test_a_fingerprint_does_not_depend_on_the_other_patches(fingerprint):
    luma = pictures(30)
    together = fingerprint(luma)
    assert len(np.unique(together)) == 30
    assert fingerprint(luma[::-1]).tolist() == together[::-1].tolist()
    assert [fingerprint(luma[k : k + 1])[0] for k in range(30)] == together.tolist()
    assert fingerprint(luma[:0]).shape == (0,)


def test_content_changes_with_every_pixel():
    one = pictures(1)
    changed = np.repeat(one, 256, axis=0)
    changed.reshape(256, 256)[np.arange(256), np.arange(256)] ^= 1
    assert len({*hashes.content(changed).tolist(), *hashes.content(one).tolist()}) == 257
    assert hashes.content(np.asfortranarray(one)) == hashes.content(one)


def test_contrast_is_the_standard_deviation():
    luma = pictures(20)
    assert hashes.contrast(luma) == pytest.approx(luma.std(axis=(1, 2)), rel=1e-5)
    assert hashes.contrast(np.full((2, 16, 16), 255, np.uint8)).tolist() == [0, 0]


def test_small_takes_the_brightness_of_inputs_of_both_sizes():
    luma = pictures(20)
    colours = np.stack([luma, 255 - luma], axis=-1)  # the second channel is ignored
    assert np.array_equal(hashes.small(colours), luma)
    assert np.array_equal(hashes.small(colours.repeat(2, 1).repeat(2, 2)), luma)
    corners = np.zeros((1, 32, 32, 1), np.uint8)
    corners[0, :2, :2] = [[[255], [255]], [[255], [254]]]  # the sum of these four values does not fit into a byte
    assert hashes.small(corners)[0, 0, 0] == 254
    assert hashes.small(corners).sum() == 254


def test_look_ignores_brightness_and_contrast_and_differs_between_pictures():
    luma = pictures(200)
    dimmed = (luma * 0.5 + 20).astype(np.uint8)
    assert np.bitwise_count(hashes.look(luma) ^ hashes.look(dimmed)).mean() < 2
    others = np.bitwise_count(hashes.look(luma[:100]) ^ hashes.look(luma[100:]))
    assert others.min() > NEAR_BITS
