"""Lines, penalty marks, goals and clutter are drawn as valid, varied shapes, mostly inside the patch."""

import numpy as np
import pytest

from dataset_tools.synthetic import surroundings
from dataset_tools.synthetic.shapes import place

from .drawn_shapes import check, painted


def white(draw):
    return lambda rng, n: draw(rng, n, np.full((n, 3), 0.9))


@pytest.mark.parametrize(
    "draw", [white(surroundings.lines), white(surroundings.penalty_mark), surroundings.goal, surroundings.clutter]
)
def test_instances_are_valid_and_most_are_in_the_patch(draw):
    assert (painted(check(draw)).std((1, 2)) > 0.01).mean() > 0.8


def test_blobs_are_built_around_the_origin():
    table = check(surroundings.blob)
    assert not table["x"].any()
    assert not table["y"].any()
    assert (painted(table, x=0.5, y=0.5, scale=1)[:, 32, 32] != 0.3).all()


def test_lines_have_only_the_given_colour():
    table = surroundings.lines(np.random.default_rng(0), 100, np.full((100, 3), 0.7))
    assert np.allclose(table["colour"], 0.7)
    pictures = painted(table)
    assert pictures.max() <= 0.7 + 1e-5
    assert pictures.min() >= 0.3 - 1e-5
    assert table["present"].any(axis=1).all()


def test_a_penalty_mark_is_a_cross_or_a_dot_in_the_middle():
    table = surroundings.penalty_mark(np.random.default_rng(0), 300, np.full((300, 3), 0.9))
    one, other, dot = table["present"].T
    assert np.array_equal(one, other)
    assert np.array_equal(one, ~dot)
    assert dot.mean() == pytest.approx(0.4, abs=0.1)
    brightest = painted(table).mean(0)
    assert np.unravel_index(brightest.argmax(), brightest.shape) == pytest.approx((32, 32), abs=5)


def test_more_objects_hide_more_of_the_picture():
    def covered(count):
        return (painted(surroundings.clutter(np.random.default_rng(0), 60, count)) != 0.3).mean()

    assert surroundings.clutter(np.random.default_rng(0), 1, 5).shape == (1, 5)
    assert covered(1) < covered(4) < covered(12)


@pytest.mark.parametrize("p", [0, 0.3, 1])
def test_shadows_are_dark_and_have_the_given_probability(p):
    table = surroundings.shadow(np.random.default_rng(0), 2000, p)
    assert table["present"].mean() == pytest.approx(p, abs=0.05)
    assert painted(place(table[:20, None], 0, 0, 1)).max() <= 0.3 + 1e-6
