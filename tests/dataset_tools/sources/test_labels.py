"""Text chunks give the right classes and targets, and chunks with wrong values are rejected."""

import math

import numpy as np
import pytest

from dataset_tools.sources import labels
from dataset_tools.sources.labels import AMBIGUOUS, BALL, NO_BALL, PARTIAL, Refused, facts_from_text

BALL_40 = {"ball_intersect": "0.8", "ball_center_x": "18", "ball_center_y": "22", "ball_radius": "16"}
BOX_40 = {"p_min_x": "100", "p_min_y": "50", "p_max_x": "140", "p_max_y": "90"}


@pytest.mark.parametrize(
    ("ball", "robot", "kind"),
    [
        (0, 0, NO_BALL),
        (0, 1, NO_BALL),
        (0.0001, 0, PARTIAL),
        (0.5, 0, PARTIAL),
        (0.5, 0.9, PARTIAL),
        (0.5001, 0, BALL),
        (1, 0.4, BALL),
        (1, 0.4001, AMBIGUOUS),
        (0.51, 1, AMBIGUOUS),
    ],
)
def test_the_overlaps_determine_the_kind(ball, robot, kind):
    facts = facts_from_text({"ball_intersect": str(ball), "robot_intersect": str(robot)}, 20, 20, 0)
    assert labels.kinds(np.array([facts.ball]), np.array([facts.robot])).tolist() == [kind]


@pytest.mark.parametrize("key", ["ball_intersect", "robot_intersect", "p_min_x", "ball_center_y", "ball_radius"])
def test_a_missing_key_means_zero_if_there_are_other_keys(key):
    assert facts_from_text({key: "0", "Software": "x"}, 20, 20, 0)[:3] == (0, 0, 0)


@pytest.mark.parametrize("text", [{}, {"Software": "gimp"}, {"CameraID": "1"}, {"ball": "1"}])
def test_a_patch_without_any_label_key_has_no_label_and_never_counts_as_no_ball(text):
    with pytest.raises(Refused, match="no label in its PNG text"):
        facts_from_text(text, 20, 20, 0)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (320, 240), (1280, 960)])
@pytest.mark.parametrize("text", [{}, {"ball_intersect": "0"}])
def test_a_whole_camera_picture_is_not_a_patch(width, height, text):
    with pytest.raises(Refused, match="a whole camera picture"):
        facts_from_text(text, width, height, 0)


def test_target_is_radius_x_y_in_fractions_of_width_and_height():
    facts = facts_from_text(BALL_40, 40, 80, 0)
    assert facts.circle == (16 / 40, 18 / 40, 22 / 80)


def test_a_root_with_a_border_needs_the_box():
    assert math.isnan(facts_from_text(BALL_40, 40, 40, 10).circle[0])


@pytest.mark.parametrize(("width", "height", "border"), [(60, 60, 0), (60, 60, 10), (51, 51, 10), (30, 30, 10)])
def test_a_box_that_does_not_fit_the_picture_leaves_the_position_unknown(width, height, border):
    facts = facts_from_text(BALL_40 | BOX_40, width, height, border)
    assert all(math.isnan(value) for value in facts.circle)
    assert facts.ball == 0.8


@pytest.mark.parametrize(
    "change", [{"ball_radius": "0"}, {"ball_radius": "90"}, {"ball_center_x": "-15"}, {"ball_center_y": "55"}]
)
def test_an_implausible_circle_is_unknown(change):
    assert all(math.isnan(value) for value in facts_from_text(BALL_40 | change, 40, 40, 0).circle)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ball_intersect": "1.5"}, "ball_intersect is not within 0..1"),
        ({"robot_intersect": "-0.1"}, "robot_intersect is not within 0..1"),
        ({"penalty_intersect": "nan"}, "penalty_intersect is out of range"),
        ({"ball_intersect": "inf"}, "ball_intersect is out of range"),
        ({"ball_intersect": "much"}, "ball_intersect is not a number"),
        ({"ball_intersect": ""}, "ball_intersect is not a number"),
        ({"ball_center_x": "1e9"}, "ball_center_x is out of range"),
        ({"p_min_x": "left"}, "p_min_x is not a number"),
    ],
)
def test_text_out_of_range_is_refused_with_a_reason(change, reason):
    with pytest.raises(Refused, match=reason):
        facts_from_text(BALL_40 | change, 40, 40, 0)
