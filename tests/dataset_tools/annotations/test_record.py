"""A picture with an invalid box is no longer certified, but its other boxes are kept."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.annotations.record import Box, Record, annotated, size_of
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped

BOX = Box("ball", 1, 2, 3, 4)


def read(items, certified=True):
    """Returns the record, and the reason for each skipped box; `annotated` yields the record last."""
    *skipped, record = annotated(Record("a.png", (), certified), items, lambda item: item())
    assert all(isinstance(item, Skipped) and item.name == "a.png" for item in skipped)
    return record, [item.reason for item in skipped]


def failing(error):
    def box_of():
        raise error

    return box_of


@pytest.mark.parametrize("certified", [True, False])
def test_valid_boxes_keep_their_order_and_do_not_change_certified(certified):
    boxes = [BOX._replace(left=number) for number in range(5)]
    record, skipped = read([lambda box=box: box for box in boxes], certified)
    assert record == Record("a.png", tuple(boxes), certified)
    assert not skipped


@pytest.mark.parametrize(
    "wrong",
    [
        *(failing(error) for error in (KeyError("x"), TypeError(), ValueError(), AttributeError(), OverflowError())),
        lambda: BOX._replace(right=math.nan),
        lambda: BOX._replace(top=-math.inf),
        lambda: BOX._replace(left=None),
    ],
)
def test_a_box_with_a_missing_or_odd_value_is_skipped_but_may_be_a_ball(wrong):
    record, skipped = read([lambda: BOX, wrong, lambda: BOX])
    assert record == Record("a.png", (BOX, BOX), False)
    assert skipped == ["box with a value that is missing or not a number"]


def test_a_reason_from_the_reader_is_kept_and_an_interrupt_is_not_caught():
    assert read([failing(Refused("a polygon"))])[1] == ["a polygon"]
    with pytest.raises(KeyboardInterrupt):
        read([failing(KeyboardInterrupt())])


numbers = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=9))
def test_the_box_around_points_is_the_smallest_that_holds_them(points):
    box = Box.around("robot", points)
    assert all(box.left <= x <= box.right and box.top <= y <= box.bottom for x, y in points)
    assert {box.left, box.right} <= {x for x, _ in points}
    assert {box.top, box.bottom} <= {y for _, y in points}


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (640, 480, (640, 480)),
        ("640", 480.5, (640, 480.5)),
        (0, 480, None),
        (-1, 5, None),
        (None, 480, None),
        ("wide", 480, None),
        (math.inf, 480, None),
        (math.nan, 480, None),
        ([], {}, None),
    ],
)
def test_an_invalid_size_counts_as_unknown(width, height, size):
    assert size_of(width, height) == size
