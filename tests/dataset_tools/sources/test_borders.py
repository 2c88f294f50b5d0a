"""Borders are added as in the public exporter; the shift of the ball is found if the box allows only one shift."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.sources import borders, labels
from dataset_tools.sources.labels import facts_from_text


def exported(left, top, side, border):
    """Imitates the public exporter: returns the box with its border, and the offset of the patch within the box."""
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
    # Finds the shifts of all patches for which the exporter writes this box. If these shifts differ, the shift is
    # unknown.
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
        return  # the next test checks that an unknown shift is rare
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
        ((100, 100, 40), (10, 10)),  # in the middle: moved in both directions
        ((5, 100, 40), (0, 10)),  # at the left edge: moved only in y, so the box is higher than it is wide
        ((100, 5, 40), (10, 0)),
        ((595, 100, 40), (10, 10)),  # cut off at the right
        ((595, 435, 40), (10, 10)),  # cut off at the right and the bottom
        ((5, 5, 40), None),  # unknown: either a 40x40 patch that was not moved, or a 30x30 patch that was moved
        (
            (5, 435, 40),
            None,
        ),  # unknown: either a 40x40 patch that was cut off at the bottom, or a 30x30 patch that was moved
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


near_the_border = st.sampled_from([9, 10, 11, 19, 20, 21])
boxes = st.tuples(st.integers(0, 600) | near_the_border, st.integers(0, 440) | near_the_border, st.integers(1, 150))


@settings(max_examples=300)
@given(st.lists(boxes, min_size=1, max_size=5), st.sampled_from([0, 10, 20]))
def test_boxes_are_extended_as_in_the_exporter_and_the_shift_is_found_again(patches, border):
    plain = np.array([(left, top, left + side, top + side) for left, top, side in patches])
    grown = borders.grow(plain, border, 640, 480)
    for patch, after in zip(patches, grown.tolist(), strict=True):
        box, moved = exported(*patch, border)
        assert tuple(after) == box
        assert borders.shift(box, border) in (moved, None)


def test_without_a_border_nothing_moves():
    assert borders.shift((3, 4, 33, 34), 0) == (0, 0)
    assert borders.shift((3, 4, 33, 35), 0) is None  # not square


def test_a_box_that_would_become_empty_in_a_small_picture_stays():
    assert borders.grow(np.array([[2, 2, 8, 8], [2, 0, 25, 24]]), 10, 30, 30).tolist() == [[2, 2, 8, 8], [2, 0, 15, 14]]
    assert borders.grow(np.array([[2, 2, 11, 11]]), 10, 15, 40).tolist() == [[2, 2, 11, 11]]
