"""Balls of any size are among the first candidates of a picture."""

import numpy as np
import pytest

from dataset_tools.scanning import candidates


def field(balls, seed=0, width=320, height=240):
    """Draws a grey picture of a field with balls (x, y, radius); each ball is a bright disc with a dark spot."""
    luma = np.random.default_rng(seed).normal(80, 4, (height, width))
    row, column = np.mgrid[:height, :width] + 0.5
    for x, y, radius in balls:
        away = np.hypot(column - x, row - y)
        luma[away < radius] = 210
        luma[away < 0.3 * radius] = 60
    return np.clip(luma, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("ball", [(60, 50, 7), (200, 120, 22), (150, 100, 60), (20, 215, 18), (301, 17, 15)])
def test_a_ball_of_any_size_is_among_the_first_candidates(ball):
    found = candidates.find(field([ball]), (6, 70), 1.3, 20)
    x, y, radius = found[:, 0] + found[:, 2] / 2, found[:, 1] + found[:, 2] / 2, found[:, 2] / 2.6
    near = np.hypot(x - ball[0], y - ball[1]) < 0.4 * ball[2]
    assert (near & (np.abs(np.log(radius / ball[2])) < np.log(1.35))).any()


def test_a_flat_picture_and_a_tiny_picture_have_no_candidates():
    assert candidates.find(np.full((240, 320), 99, np.uint8), (6, 90), 1.3, 20).shape == (0, 3)
    assert candidates.find(field([(4, 4, 3)], width=7, height=7), (6, 90), 1.3, 20).shape == (0, 3)


def test_the_integral_image_gives_the_same_sums_as_the_pixels():
    luma = field([(100, 80, 30)])
    sums = candidates._integral(luma.astype(np.uint16) ** 2, np.uint32)
    found = candidates._box(sums, 5, 20, 32, 7)
    for row, column in ((0, 0), (3, 11), (found.shape[0] - 1, found.shape[1] - 1)):
        top, left = row * 7 + 5, column * 7 + 5
        assert found[row, column] == (luma[top : top + 20, left : left + 20].astype(float) ** 2).sum()
    assert found.shape == ((240 - 32) // 7 + 1, (320 - 32) // 7 + 1)
