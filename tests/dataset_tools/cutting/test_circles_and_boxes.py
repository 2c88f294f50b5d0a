"""Boxes become circles, and invalid boxes of balls are rejected."""

import itertools
import math

import pytest

from dataset_tools.annotations.record import Box, Record
from dataset_tools.cutting.circles_and_boxes import circle_of, scene_of


def test_circles_of_boxes_at_the_edge():
    assert circle_of((10, 20, 30, 44), 320, 240)[:3] == (11, 20, 32)
    assert circle_of((0, 20, 12, 60), 320, 240)[:3] == (20, -8, 40)
    assert circle_of((300, 20, 320, 60), 320, 240)[:3] == (20, 320, 40)
    assert circle_of((100, 0, 140, 10), 320, 240)[:3] == (20, 120, -10)
    assert circle_of((300, 230, 320, 240), 320, 240)[:3] == (10, 310, 240)
    assert circle_of((-20, -20, 30, 30), 320, 240)[:3] == (25, 5, 5)
    for left, top in itertools.product((0, 100, 280), (0, 100, 200)):
        radius, x, y = circle_of((left, top, left + 40, top + 40), 320, 240)[:3]
        assert (radius, x, y) == (20, left + 20, top + 20)
        assert math.isfinite(radius + x + y)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((650, 20, 700, 60), "box outside the picture"),
        ((-50, 20, 0, 60), "box outside the picture"),
        ((10, 20, 10, 60), "empty box"),
        ((30, 20, 10, 60), "empty box"),
        ((float("nan"), 20, 10, 60), "empty box"),
        ((-900, -900, 900, 900), "box much larger than the picture"),
    ],
)
def test_no_negatives_are_cut_if_the_box_of_a_ball_is_invalid(box, reason):
    scene, skipped = scene_of(Record("a", (Box("ball", *box),), True), 320, 240, (1, 1))
    assert not scene.free
    assert not scene.balls
    assert [item.reason for item in skipped] == [f"ball: {reason}"]
    scene, _ = scene_of(Record("a", (Box("robot", *box),), True), 320, 240, (1, 1))
    assert scene.free


@pytest.mark.parametrize("box", [(100, 100, 103, 103), (100, 100, 150, 120)])
def test_no_negative_is_cut_near_a_ball_of_unknown_position(box):
    scene, skipped = scene_of(Record("a", (Box("ball", *box),), True), 320, 240, (1, 1))
    assert scene.free
    assert not scene.balls
    assert tuple(scene.avoid[0]) == box
    assert len(skipped) == 1
