"""Thresholds, targets and borders, and text chunks with wrong values."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
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


@pytest.mark.parametrize("key", ["ball_intersect", "robot_intersect", "p_min_x", "ball_center_y", "ball_radius"])
def test_a_missing_key_means_zero_if_there_are_other_keys(key):
    assert facts_from_text({key: "0", "Software": "x"}, 20, 20, 0)[:3] == (0, 0, 0)


@pytest.mark.parametrize("text", [{}, {"Software": "gimp"}, {"CameraID": "1"}, {"ball": "1"}])
def test_a_patch_without_any_label_key_has_no_label_and_is_never_no_ball(text):
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


def exported(left, top, side, border):
    """The public exporter in a few lines: box of the picture with border, and offset of the patch without it."""
    right, bottom, x, y = left + side, top + side, 0, 0
    if left - border > 0:
        left, x = left - border, border
    if top - border > 0:
        top, y = top - border, border
    if right + border > 640:
        right -= border
    if bottom + border > 480:
        bottom -= border
    return (left, top, right, bottom), (x, y)


def facts(box, border, x=3, y=4, radius=5):
    keys = dict(zip(labels.BOX, map(str, box), strict=True))
    ball = {"ball_intersect": "1", "ball_center_x": str(x), "ball_center_y": str(y), "ball_radius": str(radius)}
    return facts_from_text(ball | keys, box[2] - box[0], box[3] - box[1], border)


patches_in_the_picture = st.integers(21, 150).flatmap(
    lambda side: st.tuples(st.integers(0, 640 - side), st.integers(0, 480 - side), st.just(side))
)


@settings(max_examples=2000)
@given(patches_in_the_picture, st.sampled_from([10, 20]), st.integers(0, 20), st.integers(0, 20))
def test_the_centre_moves_as_the_exporter_moved_it_or_is_unknown(patch, border, x, y):
    box, (right, down) = exported(*patch, border)
    width, height = box[2] - box[0], box[3] - box[1]
    if width < 1 or height < 1:
        return
    found = facts(box, border, x, y, 7).circle
    # All patches that the exporter turns into this box; if their shifts differ, the box does not determine the shift.
    left, top = patch[:2]
    sources = {
        shift
        for a in {left - border, left, left + border}
        for b in {top - border, top, top + border}
        for side in range(max(1, patch[2] - 2 * border), patch[2] + 2 * border + 1)
        for produced, shift in [exported(a, b, side, border)]
        if produced == box and min(a, b) >= 0 and a + side <= 640 and b + side <= 480
    }
    assert (right, down) in sources
    if math.isnan(found[0]):
        return  # the next test checks that this is rare
    assert np.allclose(np.multiply(found, (width, width, height)), [7, x + right, y + down])
    assert len(sources) == 1


def test_nearly_all_positions_are_known():
    generator = np.random.default_rng(0)
    known = total = 0
    for _ in range(5000):
        side = int(generator.integers(21, 120))
        patch = int(generator.integers(0, 640 - side)), int(generator.integers(0, 480 - side)), side
        box, _ = exported(*patch, 10)
        if box[2] - box[0] < 1 or box[3] - box[1] < 1:
            continue
        total += 1
        known += not math.isnan(facts(box, 10).circle[0])
    assert known > 0.9 * total


@pytest.mark.parametrize(
    ("patch", "moved"),
    [
        ((100, 100, 40), (10, 10)),  # in the middle: moved in both
        ((5, 100, 40), (0, 10)),  # at the left edge: moved only in y, so it is higher than wide
        ((100, 5, 40), (10, 0)),
        ((595, 100, 40), (10, 10)),  # cut at the right
        ((595, 435, 40), (10, 10)),  # cut at the right and the bottom
        ((5, 5, 40), None),  # 40x40: a patch of 40 that was not moved, or of 30 that was moved in both
        ((5, 435, 40), None),  # 40x40: a patch of 40, not moved in x and cut below, or of 30, moved in both
    ],
)
def test_positions_computed_by_hand(patch, moved):
    box, true = exported(*patch, 10)
    circle = facts(box, 10).circle
    if moved is None:
        assert math.isnan(circle[0])
    else:
        assert true == moved
        assert (circle[1] * (box[2] - box[0]) - 3, circle[2] * (box[3] - box[1]) - 4) == pytest.approx(moved)


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
