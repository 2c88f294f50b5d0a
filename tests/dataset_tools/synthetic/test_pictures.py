"""The renderer's pictures have true targets, the robot's sampling and the panels of a real ball, and keep the light."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dataset_tools.synthetic import ball, camera, scene
from dataset_tools.synthetic.shapes import Canvas, paint, shape


def plain_optics(n, side):
    zero, one = np.zeros(n), np.ones(n)
    return camera.Optics(
        side=np.full(n, side),
        focus=zero,
        motion_x=zero,
        motion_y=zero,
        sharpen=zero,
        halo=one,
        gain=one,
        gamma=one,
        contrast=zero,
        black=zero,
        studio=zero,
        noise=zero,
        read_noise=zero,
    )


def test_chroma_is_pillows_interleaved():
    rgb = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16)).astype(np.uint8)
    made = camera.luma_and_chroma(rgb).astype(int)
    for picture, out in zip(rgb, made, strict=True):
        y, u, v = np.moveaxis(
            np.asarray(Image.fromarray(np.moveaxis(picture, 0, -1)).convert("YCbCr")).astype(int), -1, 0
        )
        assert np.abs(out[..., 0] - y).max() <= 1
        assert np.abs(out[:, 0::2, 1] - (u[:, 0::2] + u[:, 1::2]) / 2).max() <= 1
        assert np.abs(out[:, 1::2, 1] - (v[:, 0::2] + v[:, 1::2]) / 2).max() <= 1


def test_the_target_is_on_the_rendered_ball():
    X, y = scene.render_recording((3, 1), np.ones(200, bool), 16, 1)
    light = X[..., 0].astype(float)
    centre = (np.arange(16) + 0.5) / 16

    def score(target):
        radius, x, centre_y = target.T[:, :, None, None]
        away = np.hypot(centre[None, None, :] - x, centre[None, :, None] - centre_y) / radius
        inside, outside = away < 0.9, (away > 1.1) & (away < 1.6)
        return (light * inside).sum() / inside.sum() - (light * outside).sum() / outside.sum()

    assert score(y) > 15
    assert score(y) > score(y[:, [0, 2, 1]]) + 1  # x and y are not exchanged
    assert score(y) > score(y * [1, -1, 1] + [0, 1, 0]) + 1


@settings(max_examples=25, deadline=None)
@given(st.floats(0.15, 0.4), st.floats(0.42, 0.58), st.floats(0.42, 0.58), st.sampled_from([33, 64, 120]))
def test_target_describes_the_disc(radius, x, y, side):
    canvas = Canvas(72, 12)
    image = np.zeros((1, 1, canvas.side, canvas.side), np.float32)
    one = np.ones((1, 1), np.float32)
    ball.paint_balls(
        image,
        {
            "radius": np.array([radius]),
            "x": np.array([x]),
            "y": np.array([y]),
            "rotation": np.eye(3, dtype=np.float32)[None],
            "pattern": np.array([0]),
            "white": one,
            "black": one,
            "sun": np.array([[0, 0, 1.0]]),
            "ambient": one[0],
            "gloss": one[0] * 0,
        },
        canvas,
    )
    light = camera.expose(image, plain_optics(1, side), canvas, 32)[0, 0]
    where = (camera.sample_indices(np.array([side]), 32)[0] + 0.5) / side
    rows, columns = np.nonzero(light > 0.17)  # half of the darkest light on the ball, so this is the ball's outline
    pixel = 1.6 / min(side, 32)
    assert where[columns].min() == pytest.approx(x - radius, abs=pixel)
    assert where[columns].max() == pytest.approx(x + radius, abs=pixel)
    assert where[rows].min() == pytest.approx(y - radius, abs=pixel)
    assert where[rows].max() == pytest.approx(y + radius, abs=pixel)
    assert where[columns].mean() == pytest.approx(x, abs=pixel / 2)
    assert where[rows].mean() == pytest.approx(y, abs=pixel / 2)


@given(st.integers(1, 200), st.sampled_from([16, 32]))
def test_point_sampling_follows_the_robots_rule(side, size):
    step = side / size
    slow = [min(int((k + 0.5) * step + 0.5), side - 1) for k in range(size)]
    assert camera.sample_indices(np.array([side]), size)[0].tolist() == slow


def test_expose_reads_the_image_at_the_sampled_pixels():
    canvas, side = Canvas(48, 8), 48  # one canvas pixel per camera pixel, so the sampled values are pixels
    at = np.arange(canvas.side)
    image = (1 + np.sin(2 * np.pi * 3 * at / 64)[None, :] * np.cos(2 * np.pi * 2 * at / 64)[:, None])[None, None]
    out = camera.expose(image.astype(np.float32), plain_optics(1, side), canvas, 16)[0, 0]
    index = camera.sample_indices(np.array([side]), 16)[0] + canvas.margin
    loss = np.sinc(3 / 64) * np.sinc(2 / 64)  # contrast of the wave after averaging over a pixel's area
    assert out == pytest.approx(1 + (image[0, 0][np.ix_(index, index)] - 1) * loss, abs=1e-4)


def test_blur_keeps_the_light_and_lowers_the_contrast():
    canvas = Canvas(48, 8)
    image = np.random.default_rng(0).random((3, 1, 64, 64)).astype(np.float32)
    optics = plain_optics(3, 48)
    optics.focus[1] = 0.05
    optics.motion_x[2] = 0.3
    assert camera.transfer(optics, canvas)[:, 0, 0] == pytest.approx(1)
    spread = camera.expose(image, optics, canvas, 16).std((1, 2, 3))
    assert max(spread[1:]) < 0.6 * spread[0]


def test_small_patches_repeat_pixels_with_their_noise():
    optics = plain_optics(1, 10)
    optics.read_noise[:] = 0.1
    light = np.full((1, 1, 16, 16), 0.5, np.float32)
    X = camera.develop(light, optics, np.random.default_rng(0))[0, 0]
    index = camera.sample_indices(np.array([10]), 16)[0]
    same = np.flatnonzero(np.diff(index) == 0)
    assert len(same)
    assert np.array_equal(X[same], X[same + 1])
    assert np.array_equal(X[:, same], X[:, same + 1])
    assert X.std() > 5


def test_the_ball_has_twelve_black_pentagons():
    flat = np.random.default_rng(0).normal(size=(200_000, 3))
    black, margin = ball.panels(flat / np.linalg.norm(flat, axis=1, keepdims=True))
    # solid angle of a pentagon of the truncated icosahedron: 12 of them cover 28.4 % of the faces' area
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
    assert (shown == ball.atlas()[9]).mean() > 0.995  # at the folds, rounding may select a neighbouring texel


def test_rotations_are_orthogonal():
    turns = ball.random_rotations(np.random.default_rng(0), 50)
    assert turns @ np.swapaxes(turns, 1, 2) == pytest.approx(np.broadcast_to(np.eye(3), (50, 3, 3)), abs=1e-5)
    assert np.linalg.det(turns) == pytest.approx(1, abs=1e-5)


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
