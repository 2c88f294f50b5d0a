"""Each corruption changes patches more as its strength grows, and does not modify its input."""

import numpy as np
import pytest

from common.runs import corruptions

from ...tiny import bars


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", corruptions.STRENGTHS)
def test_a_corruption_keeps_the_shape_and_grows_with_its_strength(kind, channels):
    if kind.startswith("colour") and channels == 1:
        pytest.skip("grey patches have no colour")
    X = bars(20, 0, 16, channels)
    before = X.copy()
    far = [np.abs(corruptions.corrupt(X, kind, s).astype(int) - X).mean() for s in corruptions.STRENGTHS[kind]]
    changed = corruptions.corrupt(X, kind, corruptions.STRENGTHS[kind][2])
    assert (changed.shape, changed.dtype) == (X.shape, X.dtype)
    np.testing.assert_array_equal(X, before)
    assert far[0] > 0
    assert far[-1] > far[0]
