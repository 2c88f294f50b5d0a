"""A rendered recording has correct targets, depends only on its seed, and shows balls only where requested."""

import numpy as np
import pytest

from dataset_tools.synthetic import scene


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
    assert score(y) > score(y[:, [0, 2, 1]]) + 1  # x and y are not swapped
    assert score(y) > score(y * [1, -1, 1] + [0, 1, 0]) + 1


@pytest.mark.parametrize(("size", "channels"), [(16, 2), (32, 1)])
def test_the_same_seed_gives_the_same_bytes_in_the_requested_shape(size, channels):
    ball = np.arange(scene.BATCH + 3) % 3 == 0
    X, y = scene.render_recording((1, 2), ball, size, channels)
    again, _ = scene.render_recording((1, 2), ball, size, channels)
    other, _ = scene.render_recording((1, 3), ball, size, channels)
    assert X.shape == (len(ball), size, size, channels)
    assert X.dtype == np.uint8
    assert np.array_equal(X, again)
    assert not np.array_equal(X, other)
    assert np.isfinite(y[ball]).all()
    assert np.isnan(y[~ball]).all()
    assert X.std((1, 2, 3)).min() > 1  # no picture is empty


def test_at_least_half_of_every_ball_is_in_its_patch():
    circles = scene.draw_balls(np.random.default_rng(0), 2000)
    assert circles.shape == (2000, 3)
    grid = (np.mgrid[0:40, 0:40] + 0.5) / 40
    for radius, x, y in circles[::10]:
        inside = (np.hypot(grid[1] - x, grid[0] - y) < radius).mean()
        assert inside > 0.46 * np.pi * radius**2  # the grid is coarse
    assert 0.29 <= circles[:, 0].min() < circles[:, 0].max() <= 0.51
    assert circles[:, 1:].mean(0) == pytest.approx([0.5, 0.5], abs=0.02)


def test_the_probabilities_of_objects_in_patches_without_a_ball_add_up_to_one():
    assert sum(share for share, _ in scene.THINGS) == pytest.approx(1)
    assert sum(draw is None for _, draw in scene.THINGS) == 1
