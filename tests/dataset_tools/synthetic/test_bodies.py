"""Robots and people are drawn as valid shapes around the origin, and they differ from each other."""

import numpy as np
import pytest

from dataset_tools.synthetic import bodies

from .drawn_shapes import check, painted


@pytest.mark.parametrize("draw", [bodies.foot, bodies.limb, bodies.head, bodies.torso, bodies.figure, bodies.person])
def test_instances_are_valid_and_drawn_around_their_position(draw):
    table = check(draw)
    assert np.abs([table["x"], table["y"]]).max() < 2
    pictures = painted(table, x=0.5, y=0.5, scale=1)
    assert (pictures.std((1, 2)) > 0.01).mean() > 0.95
    middle = np.abs(pictures[:, 16:48, 16:48] - 0.3).mean()
    far = painted(table, x=0.5, y=0.5, scale=0.2)[:, [0, -1]]  # a small object does not reach the edge of the picture
    assert middle > 0.05
    assert np.abs(far - 0.3).mean() < 0.1 * middle


def test_a_capsule_has_round_ends():
    (limb,) = bodies.capsule(np.random.default_rng(0), 1, 0.1, 0.5, 1.0, x=3)
    assert (limb["x"], limb["a"], limb["b"]) == (3, pytest.approx(0.1), 0.5)
    assert limb["round"] == pytest.approx(0.095)


def test_left_and_right_of_a_figure_are_symmetric_on_average():
    pictures = painted(bodies.figure(np.random.default_rng(0), 500), x=0.5, y=0.5, scale=1).mean(0)
    assert np.abs(pictures - pictures[:, ::-1]).mean() < 0.1 * np.abs(pictures - 0.3).mean()
