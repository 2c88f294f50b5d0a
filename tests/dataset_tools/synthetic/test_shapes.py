"""Shapes cover the area that their fields describe, wherever they are placed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.synthetic.shapes import Canvas, paint, place, shape, stack


def test_shapes_cover_their_area():
    canvas = Canvas(96, 8)
    image = np.zeros((3, 1, canvas.side, canvas.side), np.float32)
    table = np.stack(
        [
            shape(1, x=0.5, y=0.5, a=0.3, b=0.1, angle=0.7, colour=1),
            shape(1, x=0.5, y=0.5, a=0.3, b=0.3, round=0.3, colour=1),
            shape(1, x=0.5, y=0.5, a=0.3, b=0.3, round=0.3, hollow=0.05, colour=1),
        ]
    )
    paint(image, table, canvas)
    expected = [0.6 * 0.2, np.pi * 0.09, np.pi * (0.35**2 - 0.25**2)]
    assert image.sum((1, 2, 3)) / 96**2 == pytest.approx(expected, rel=0.01)


CANVAS = Canvas(32, 8)


def painted(table, n=1, ground=0.0):
    image = np.full((n, 1, CANVAS.side, CANVAS.side), ground, np.float32)
    paint(image, table, CANVAS)
    return image[:, 0]


def box(**fields):
    return stack(shape(1, x=0.1, y=-0.1, a=0.25, b=0.1, round=0.05, angle=0.3, colour=1, **fields))


numbers = st.floats(-0.5, 0.5)


@settings(max_examples=50)
@given(numbers, numbers, st.floats(0.3, 3), st.floats(-4, 4))
def test_placing_a_shape_and_then_moving_it_back_changes_nothing(x, y, scale, angle):
    fields = {"hollow": 0.02, "soft": 0.01, "bars_y": 3}
    moved = place(box(**fields), x, y, scale, angle)
    moved["x"] -= x
    moved["y"] -= y
    back, original = place(moved, 0, 0, 1 / scale, -angle)[0, 0], box(**fields)[0, 0]
    for name in original.dtype.names:
        assert back[name] == pytest.approx(original[name], rel=1e-4, abs=1e-4), name


def test_a_shape_that_moves_by_whole_pixels_is_painted_the_same():
    plain = painted(place(box(), 0.5, 0.5, 1))
    moved = painted(place(box(), 0.5 + 3 / 32, 0.5 - 5 / 32, 1))
    assert plain.sum() > 20
    assert np.roll(plain, (-5, 3), (1, 2)) == pytest.approx(moved, abs=1e-4)


def test_a_quarter_turn_of_a_shape_turns_the_picture():
    plain = painted(place(box(), 0.5, 0.5, 1))
    turned = painted(place(box(), 0.5, 0.5, 1, np.pi / 2))
    assert np.rot90(plain, -1, (1, 2)) == pytest.approx(turned, abs=1e-3)
    assert place(box(), 0, 0, 1, 0.7)["angle"] == pytest.approx(0.3 + 0.7)


def test_a_larger_shape_has_the_same_number_of_bars():
    plain, large = (place(box(bars_y=3), 0.5, 0.5, scale)[0, 0] for scale in (1, 2))
    for length, bars in (("a", "bars_x"), ("b", "bars_y")):
        assert large[length] * large[bars] == pytest.approx(plain[length] * plain[bars])


def test_area_grows_with_the_square_of_the_scale_and_shrinks_with_foreshortening():
    area = painted(place(box(), 0.5, 0.5, 1)).sum()
    assert painted(place(box(), 0.5, 0.5, 1.5)).sum() == pytest.approx(1.5**2 * area, rel=0.02)
    assert painted(place(box(), 0.5, 0.5, 1, 0, 0.5)).sum() == pytest.approx(area / 2, rel=0.03)


def test_later_shapes_cover_earlier_ones_unless_absent_or_transparent():
    cover = {"x": 0.5, "y": 0.5, "a": 2, "b": 2}
    table = stack(shape(3, **cover, colour=0.2), shape(3, **cover, colour=0.8, present=[True, False, True], alpha=1))
    table["alpha"][2, 1] = 0.25
    assert painted(table, 3)[:, 20, 20] == pytest.approx([0.8, 0.2, 0.35])
    table["present"] = False
    assert (painted(table, 3, 0.5) == 0.5).all()


def test_every_scene_is_painted_as_if_it_were_alone():
    generator = np.random.default_rng(0)
    table = stack(*(shape(4, **{k: generator.uniform(0.2, 0.8, 4) for k in ("x", "y", "a", "b")}) for _ in range(3)))
    table["colour"] = generator.random((4, 3, 3))
    table["bulge"], table["grating"] = generator.random((2, 4, 3))
    table["present"] = generator.random((4, 3)) < 0.7
    together = painted(table, 4)
    assert all(np.array_equal(painted(table[k : k + 1])[0], together[k]) for k in range(4))
    assert together.std() > 0


def test_shading_makes_round_parts_darker_at_the_edge_and_one_side_brighter():
    plain = {"x": 0.5, "y": 0.5, "a": 0.4, "b": 0.4, "round": 0.4, "colour": 1}
    bulge = painted(stack(shape(1, **plain, bulge=0.5)))[0]
    assert bulge[24, 24] > 0.95 > 0.7 > bulge[24, 13]
    slope = painted(stack(shape(1, **plain, bulge=1e-3, slope_x=0.5)))[0]
    assert slope[24, 32] > slope[24, 24] > slope[24, 16]


def test_pixel_centres_are_symmetric_in_the_patch():
    assert CANVAS.side == 48
    assert CANVAS.coordinate == pytest.approx(1 - CANVAS.coordinate[::-1], abs=1e-6)
    assert CANVAS.coordinate[[8, 39]] == pytest.approx([0.5 / 32, 31.5 / 32])
