"""The ball has the right position, size and panels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.synthetic import ball, camera
from dataset_tools.synthetic.shapes import Canvas

from .plain_optics import plain_optics

ONE = np.ones((1, 1), np.float32)
BALL = {  # a white ball in the middle, lit from the camera
    "radius": np.array([0.4]),
    "x": np.array([0.5]),
    "y": np.array([0.5]),
    "rotation": np.eye(3, dtype=np.float32)[None],
    "pattern": np.array([0]),
    "white": ONE,
    "black": 0 * ONE,
    "sun": np.array([[0, 0, 1.0]]),
    "ambient": ONE[0],
    "gloss": 0 * ONE[0],
}


def painted(canvas=None, **change):
    canvas = canvas or Canvas(48, 8)
    image = np.zeros((1, 1, canvas.side, canvas.side), np.float32)
    ball.paint_balls(image, BALL | change, canvas)
    return image[0, 0]


@settings(max_examples=25, deadline=None)
@given(st.floats(0.15, 0.4), st.floats(0.42, 0.58), st.floats(0.42, 0.58), st.sampled_from([33, 64, 120]))
def test_target_describes_the_disc(radius, x, y, side):
    canvas = Canvas(72, 12)
    image = painted(canvas, radius=np.array([radius]), x=np.array([x]), y=np.array([y]), black=ONE)
    light = camera.expose(image[None, None], plain_optics(1, side), canvas, 32)[0, 0]
    where = (camera.sample_indices(np.array([side]), 32)[0] + 0.5) / side
    rows, columns = np.nonzero(light > 0.17)  # 0.17 is half the lowest brightness on the ball
    pixel = 1.6 / min(side, 32)
    assert where[columns].min() == pytest.approx(x - radius, abs=pixel)
    assert where[columns].max() == pytest.approx(x + radius, abs=pixel)
    assert where[rows].min() == pytest.approx(y - radius, abs=pixel)
    assert where[rows].max() == pytest.approx(y + radius, abs=pixel)
    assert where[columns].mean() == pytest.approx(x, abs=pixel / 2)
    assert where[rows].mean() == pytest.approx(y, abs=pixel / 2)


def test_the_ball_has_twelve_black_pentagons():
    flat = np.random.default_rng(0).normal(size=(200_000, 3))
    black, margin = ball.panels(flat / np.linalg.norm(flat, axis=1, keepdims=True))
    # In a truncated icosahedron, the 12 pentagons cover 28.4 % of the surface.
    assert black.mean() == pytest.approx(0.284, abs=0.02)
    assert margin.min() >= 0
    assert ball.panels(ball.pentagon_axes())[0].all()
    assert not ball.panels(ball.hexagon_axes())[0].any()
    between = ball.pentagon_axes()[:, None] + ball.pentagon_axes()[None]
    near = np.isclose((ball.pentagon_axes() @ ball.pentagon_axes().T), 5**-0.5)
    assert near.sum(1).tolist() == [5] * 12
    assert not ball.panels(between[near] / np.linalg.norm(between[near], axis=1, keepdims=True))[0].any()


def test_look_up_finds_the_texel_of_each_direction():
    side = ball.MAP_SIDE
    points = ball.octahedral_points(side).reshape(1, -1, 3).transpose(0, 2, 1).astype(np.float32)
    shown = ball.look_up(points, np.array([9])).reshape(side, side)
    assert (shown == ball.atlas()[9]).mean() > 0.995  # near a fold, rounding may select a neighbouring texel


def test_rotations_are_orthogonal():
    turns = ball.random_rotations(np.random.default_rng(0), 50)
    assert turns @ np.swapaxes(turns, 1, 2) == pytest.approx(np.broadcast_to(np.eye(3), (50, 3, 3)), abs=1e-5)
    assert np.linalg.det(turns) == pytest.approx(1, abs=1e-5)


def test_the_atlas_stores_the_fraction_of_paint_for_every_pattern():
    maps = ball.atlas()
    assert maps.shape == (ball.PATTERNS, ball.MAP_SIDE, ball.MAP_SIDE)
    assert 0 <= maps.min() < maps.max() <= 1
    shares = maps.mean((1, 2))
    assert (shares > 0.05).all()  # each pattern has some dark paint
    assert (shares < 0.8).all()  # no pattern is almost entirely black
    assert len({one.tobytes() for one in maps}) == ball.PATTERNS


def test_a_turned_ball_shows_another_side():
    turns = ball.random_rotations(np.random.default_rng(1), 8)
    seen = {painted(rotation=turn[None]).tobytes() for turn in turns}
    assert len(seen) == 8
    many = ball.random_rotations(np.random.default_rng(2), 4000)
    assert many.mean(0) == pytest.approx(np.zeros((3, 3)), abs=0.05)  # no direction is more frequent than the others


def test_light_from_above_makes_the_upper_half_brighter():
    light = painted(black=np.ones((1, 1), np.float32), ambient=np.array([0.5]), sun=np.array([[0, -1.0, 0]]))
    assert light[:32].sum() > 1.5 * light[32:].sum()
    assert np.allclose(light, light[:, ::-1], atol=1e-5)
