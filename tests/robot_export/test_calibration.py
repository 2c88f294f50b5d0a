"""Tests the choice of patches for measuring the ranges of quantised formats."""

import numpy as np

from robot_export.calibration import select_calibration


def test_calibration_is_reproducible_and_covers_0_to_255():
    X = np.random.default_rng(0).integers(40, 200, (2000, 16, 16, 1), dtype=np.uint8)
    chosen = select_calibration(X)
    np.testing.assert_array_equal(chosen, select_calibration(X))
    assert chosen.shape == (513, 16, 16, 1)
    assert (chosen.min(), chosen.max()) == (0, 255)
    assert np.sum((chosen[-1] == 0) | (chosen[-1] == 255)) == 2
    assert len(select_calibration(np.full((1, 16, 16, 1), 7, np.uint8))) == 2


def test_the_selected_patches_are_in_the_order_of_the_file():
    X = np.random.default_rng(0).integers(0, 200, (3000, 4, 4, 1), dtype=np.uint8)
    X[:, 0, 0, 0], X[:, 0, 1, 0] = np.arange(3000) // 200, np.arange(3000) % 200
    places = [200 * int(patch[0, 0, 0]) + int(patch[0, 1, 0]) for patch in select_calibration(X)[:-1]]
    assert places == sorted(set(places))
    assert places[0] < 100
    assert places[-1] > 2900


def test_the_widest_patch_is_added_with_its_extremes_at_0_and_255():
    X = np.random.default_rng(0).integers(90, 110, (300, 4, 4, 1), dtype=np.uint8)
    X[123, 1, 2], X[123, 3, 0] = 20, 230
    added = select_calibration(X)[-1].astype(int)
    assert (added[1, 2, 0], added[3, 0, 0]) == (0, 255)
    assert np.sum(added != X[123]) == 2
