"""Tests the metrics of a classifier and a detector that are used together."""

import numpy as np
import pytest

from detector_cnn_ball_radius_center import together_metrics
from detector_cnn_ball_radius_center.together_metrics import Scored

CENTRE = [0.4, 0.5, 0.5]


@pytest.fixture
def crafted():
    """Returns five negatives and four balls.

    One ball has a good circle, one has a bad circle, one is not found, and one has a score equal to the threshold.
    """
    circle = np.array([CENTRE, [0.1, 0.1, 0.1], CENTRE, CENTRE])
    probability = np.float32([0.9, 0.8, 0.2, 0.7])
    balls = Scored(probability, circle, np.float32([50, 100, 100, 200]), np.tile(CENTRE, (4, 1)))
    others = Scored(np.float32([0.95, 0.1, 0.7, 0.2, 0.3]), np.tile([0.3, 0.5, 0.5], (5, 1)), np.full(5, 69.9))
    return balls, others


def test_metrics_match_a_hand_calculation(crafted):
    numbers = together_metrics.evaluate(*crafted, threshold=0.7)
    assert numbers["detection_rate"] == 0.75
    assert numbers["detection_rate_iou_0.5"] == 0.5
    assert numbers["mean_iou"] == pytest.approx(2 / 3)  # IoU of 1, 0 and 1 for the three balls that were found
    assert numbers["false_positives"] == 2
    assert numbers["false_positives_per_1000"] == 400


def test_metrics_of_groups_match_a_hand_calculation(crafted):
    rows = {row["name"]: row for row in together_metrics.evaluate_groups(*crafted, threshold=0.7)}
    dark = rows["dark, mean Y below 70"]
    assert (dark["balls"], dark["others"], dark["false_positives_per_1000"]) == (1, 5, 400)
    assert rows["mean Y 70 to 140"]["detection_rate"] == 0.5
    assert "false_positives" not in rows["mean Y 70 to 140"]
    assert rows["0.35 to 0.45"]["balls"] == 4
    assert rows["below 0.35"]["others"] == 5
    assert "detection_rate" not in rows["below 0.35"]


def test_the_overlap_is_left_out_if_nothing_is_found(crafted):
    numbers = together_metrics.evaluate(*crafted, threshold=0.99)
    assert numbers["detection_rate"] == 0
    assert "mean_iou" not in numbers


def test_the_curve_never_falls(crafted):
    curve = together_metrics.operating_curve(*crafted)
    for key in ("detection_rate", "detection_rate_iou_0.5", "detection_rate_iou_0.75", "false_positives_per_1000"):
        assert (np.diff(curve[key]) >= 0).all()
    assert curve["detection_rate"][-1] == 1
    assert curve["detection_rate_iou_0.75"][-1] == 0.75
    assert curve["false_positives_per_1000"][-1] == 1000
