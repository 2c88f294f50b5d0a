"""Thresholds, targets and borders, and text chunks that lie."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
def test_kinds(ball, robot, kind):
    facts = facts_from_text({"ball_intersect": str(ball), "robot_intersect": str(robot)}, 20, 20, 0)
    assert labels.kinds(np.array([facts.ball]), np.array([facts.robot])).tolist() == [kind]


def test_no_text_means_nothing_there():
    assert facts_from_text({}, 20, 20, 0)[:3] == (0, 0, 0)


def test_target_is_radius_x_y_in_fractions_of_width_and_height():
    facts = facts_from_text(BALL_40, 40, 80, 0)
    assert facts.circle == (16 / 40, 18 / 40, 22 / 80)


def test_border_around_the_box_moves_the_centre_and_not_the_box_itself():
    grown = facts_from_text(BALL_40 | BOX_40, 60, 60, 10)
    assert grown.circle == (16 / 60, 28 / 60, 32 / 60)
    same = facts_from_text(BALL_40 | BOX_40, 40, 40, 10)
    assert same.circle == (16 / 40, 18 / 40, 22 / 40)


@given(st.integers(8, 150), st.integers(1, 30), *[st.floats(0.1, 0.9)] * 3)
def test_any_border_moves_the_centre_by_itself_and_leaves_the_radius(side, border, x, y, radius):
    ball = {"ball_intersect": "1", "ball_center_x": x * side, "ball_center_y": y * side, "ball_radius": radius * side}
    box = {"p_min_x": "7", "p_min_y": "9", "p_max_x": str(7 + side), "p_max_y": str(9 + side)}
    plain = np.array(facts_from_text(ball | box, side, side, 0).circle) * side
    large = side + 2 * border
    grown = np.array(facts_from_text(ball | box, large, large, 10).circle) * large
    assert np.allclose(grown - plain, [0, border, border])


@pytest.mark.parametrize(("width", "height", "border"), [(60, 60, 0), (60, 50, 10), (51, 51, 10), (30, 30, 10)])
def test_a_box_that_does_not_fit_the_picture_leaves_the_place_unknown(width, height, border):
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
        ({"penalty_intersect": "nan"}, "penalty_intersect is absurd"),
        ({"ball_intersect": "inf"}, "ball_intersect is absurd"),
        ({"ball_intersect": "much"}, "ball_intersect is not a number"),
        ({"ball_intersect": ""}, "ball_intersect is not a number"),
        ({"ball_center_x": "1e9"}, "ball_center_x is absurd"),
        ({"p_min_x": "left"}, "p_min_x is not a number"),
    ],
)
def test_absurd_text_is_refused_with_a_reason(change, reason):
    with pytest.raises(Refused, match=reason):
        facts_from_text(BALL_40 | change, 40, 40, 0)
