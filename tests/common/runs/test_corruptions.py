"""Corruptions: each changes what it is named after, more with every strength, and leaves its input."""

import numpy as np
import pytest

from common.runs import corruptions

from ...tiny import bars


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", corruptions.STRENGTHS)
def test_a_corruption_keeps_the_shape_and_grows_with_its_strength(kind, channels):
    if kind.startswith("colour") and channels == 1:
        pytest.skip("gray patches have no colour")
    X = bars(20, 0, 16, channels)
    before = X.copy()
    far = [np.abs(corruptions.corrupt(X, kind, s).astype(int) - X).mean() for s in corruptions.STRENGTHS[kind]]
    changed = corruptions.corrupt(X, kind, corruptions.STRENGTHS[kind][2])
    assert (changed.shape, changed.dtype) == (X.shape, X.dtype)
    np.testing.assert_array_equal(X, before)
    assert far[0] > 0
    assert far[-1] > far[0]


@pytest.mark.parametrize("kind", ["shift, px", "larger, factor", "smaller, factor", "noise, grey levels"])
def test_circles_move_with_what_the_patch_shows(kind):
    rows, columns = np.mgrid[:32, :32] + 0.5
    circle = np.array([[0.2, 0.4, 0.55]])
    X = np.where(np.hypot(columns - 0.4 * 32, rows - 0.55 * 32) < 0.2 * 32, 250, 0).astype(np.uint8)[None, ..., None]
    strength = corruptions.STRENGTHS[kind][3]
    shown = corruptions.corrupt(X, kind, strength)[0, ..., 0].astype(float)
    shown[shown < 60] = 0  # the noise
    radius, x, y = corruptions.move(circle, kind, strength, 32)[0] * 32
    assert (shown * columns).sum() / shown.sum() == pytest.approx(x, abs=0.2)
    assert (shown * rows).sum() / shown.sum() == pytest.approx(y, abs=0.2)
    assert (shown.sum() / 250 / np.pi) ** 0.5 == pytest.approx(radius, rel=0.06)
