"""Compares the detector's metrics with values computed by hand and with areas counted cell by cell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector_cnn_ball_radius_center import metrics
from detector_cnn_ball_radius_center.metrics import circle_iou


def counted_iou(a, b, cells=1500):
    """Computes the IoU on a fine grid: the number of cells in both circles, divided by the number in at least one."""
    grid = np.linspace(-1, 2, cells)
    in_a, in_b = ((grid[None] - x) ** 2 + (grid[:, None] - y) ** 2 <= r**2 for r, x, y in (a, b))
    return np.sum(in_a & in_b) / np.sum(in_a | in_b)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_iou_agrees_with_counting_cells(seed):
    a, b = np.random.default_rng(seed).uniform((0.1, 0.1, 0.1), (0.6, 0.9, 0.9), (2, 3))
    assert circle_iou([a], [b])[0] == pytest.approx(counted_iou(a, b, 600), abs=0.02)
    assert circle_iou([a], [b])[0] == pytest.approx(circle_iou([b], [a])[0], abs=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0.4, 0.5, 0.5), (0.4, 0.5, 0.5), 1),
        ((0.4, 0.5, 0.5), (0.2, 0.5, 0.5), 0.25),  # one circle inside the other: the ratio of their areas
        ((0.4, 0.5, 0.5), (0.2, 0.7, 0.5), 0.25),  # one circle inside the other, and touching it
        ((0.2, 0.2, 0.5), (0.2, 0.6, 0.5), 0),  # the circles touch externally
        ((0.2, 0.1, 0.1), (0.2, 0.9, 0.9), 0),
        ((0.4, 0.5, 0.5), (-0.4, 0.5, 0.5), 0),  # a circle with a negative radius is empty
        ((0.4, 0.5, 0.5), (0.0, 0.5, 0.5), 0),
        ((0.0, 0.5, 0.5), (0.0, 0.5, 0.5), 0),
        # The centres are one radius apart, so the circles share the area (2 pi / 3 - sqrt(3) / 2) r^2.
        ((0.3, 0.5, 0.5), (0.3, 0.8, 0.5), (2 * np.pi / 3 - 3**0.5 / 2) / (4 * np.pi / 3 + 3**0.5 / 2)),
    ],
)
def test_iou_computed_by_hand(a, b, expected):
    assert circle_iou([a], [b])[0] == pytest.approx(expected, abs=1e-9)
    assert circle_iou([b], [a])[0] == pytest.approx(expected, abs=1e-9)


@pytest.fixture
def four():
    """Returns four circles and their predictions, in patches of 20 pixels.

    The first prediction is correct. Three are wrong: a centre by (3, -4) pixels, a radius by 2 pixels, and a centre by
    20 pixels.
    """
    y = np.full((4, 3), 0.5)
    y[:, 0] = 0.3, 0.3, 0.4, 0.5
    found = y.copy()
    found[1, 1:] += 3 / 20, -4 / 20
    found[2, 0] += 2 / 20
    found[3, 1] += 1.0
    return y, found


def test_errors_match_a_hand_calculation(four):
    numbers = metrics.evaluate(*four, size=20)
    assert numbers["patches"] == 4
    assert numbers["mean_center_error_px"] == pytest.approx((5 + 20) / 4)
    assert numbers["median_center_error_px"] == pytest.approx(2.5)
    assert numbers["p95_center_error_px"] == pytest.approx(np.percentile([0, 5, 0, 20], 95))
    assert numbers["median_center_error_fraction"] == pytest.approx(0.125)
    assert numbers["mean_radius_error_px"] == pytest.approx(0.5)
    assert numbers["mean_radius_error_fraction"] == pytest.approx(0.025)
    assert numbers["bias_radius_px"] == pytest.approx(0.5)
    assert numbers["bias_x_px"] == pytest.approx((3 + 20) / 4)
    assert numbers["bias_y_px"] == pytest.approx(-1)
    iou = [1, counted_iou((0.3, 0.5, 0.5), (0.3, 0.65, 0.3)), 0.4**2 / 0.5**2, 0]
    assert numbers["mean_iou"] == pytest.approx(np.mean(iou), abs=0.005)
    assert numbers["iou_above_0.5"] == 0.5
    assert numbers["iou_above_0.75"] == 0.25


def test_groups_add_up_to_the_whole(four):
    camera = np.array(["top", "bottom", "top", "top"])
    rows = metrics.evaluate_groups(*four, 20, camera=camera, recording=None)
    found = [(row["group"], row["name"], row["patches"]) for row in rows]
    assert found == [
        ("radius", "0.35 to 0.45", 1),
        ("radius", "0.45 and more", 1),
        ("radius", "below 0.35", 2),
        ("camera", "bottom", 1),
        ("camera", "top", 3),
    ]
    top = next(row for row in rows if row["name"] == "top")
    assert top["mean_center_error_px"] == pytest.approx(20 / 3)


@pytest.mark.parametrize(("radius", "name"), [(0.3499, 0), (0.35, 1), (0.4499, 1), (0.45, 2), (1.0, 2), (-0.1, 0)])
def test_a_radius_on_the_boundary_of_two_classes_belongs_to_the_upper_one(radius, name):
    assert metrics.radius_class([radius])[0] == list(metrics.RADIUS_CLASSES)[name]


def test_the_baseline_predicts_the_same_circle_for_all_patches():
    y = np.array([[0.3, 0.5, 0.5], [0.5, 0.5, 0.5], [0.4, 0.6, 0.5]])
    numbers = metrics.baseline(y, [0.4, 0.5, 0.5], size=10)
    assert numbers["baseline_median_radius_error_px"] == pytest.approx(1)
    assert numbers["baseline_median_center_error_px"] == pytest.approx(0, abs=1e-12)
    overlap = counted_iou((0.4, 0.6, 0.5), (0.4, 0.5, 0.5))
    assert numbers["baseline_mean_iou"] == pytest.approx(np.mean([9 / 16, 16 / 25, overlap]), abs=0.003)


@pytest.mark.parametrize(
    ("y", "found"),
    [
        (np.ones((2, 3)), np.ones((3, 3))),
        (np.ones((2, 2)), np.ones((2, 2))),
        (np.ones((0, 3)), np.ones((0, 3))),
        (np.ones((2, 3)), np.full((2, 3), np.nan)),
    ],
)
def test_invalid_arrays_are_refused(y, found):
    with pytest.raises(ValueError, match="Received"):
        metrics.evaluate(y, found, 16)
