import numpy as np
import pytest

from common.runs.bootstrap import bootstrap_interval


def test_the_interval_is_wider_by_recording_than_by_patch():
    """Ten recordings, each with a hundred identical patches, contain no more information than ten patches."""
    values, groups = np.repeat(np.arange(10.0), 100), np.repeat(np.arange(10), 100)
    low, high = bootstrap_interval(np.mean, values, groups=groups)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 10**0.5, rel=0.15)
    patch_low, patch_high = bootstrap_interval(np.mean, values)
    assert patch_high - patch_low == pytest.approx((high - low) / 10, rel=0.2)
    assert (low, high) == bootstrap_interval(np.mean, values, groups=groups)
    assert (low, high) != bootstrap_interval(np.mean, values, groups=groups, seed=1)


def test_rows_of_all_columns_are_drawn_together():
    labels = np.arange(30) % 2
    low, high = bootstrap_interval(lambda y, twice: float(np.abs(2 * y - twice).max()), labels, 2 * labels, n=20)
    assert (low, high) == (0, 0)


def test_no_interval_if_the_metric_is_never_defined():
    assert bootstrap_interval(lambda y: None, np.ones(3), n=10) is None
