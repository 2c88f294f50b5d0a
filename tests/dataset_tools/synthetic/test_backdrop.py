"""Turf has the right colour and grain. The hall is painted only above the edge of the field."""

import numpy as np
import pytest

from dataset_tools.synthetic import backdrop
from dataset_tools.synthetic.shapes import Canvas

CANVAS = Canvas(32, 8)
TURF = np.array([0.05, 0.12, 0.04], np.float32)


def test_grain_has_zero_mean_and_unit_variance_and_goes_from_grainy_to_cloudy():
    maps = backdrop.grains()
    assert maps.mean((1, 2)) == pytest.approx(np.zeros(backdrop.GRAIN), abs=1e-5)
    assert maps.std((1, 2)) == pytest.approx(1, abs=1e-4)
    steps = np.abs(np.diff(maps, axis=1)).mean((1, 2))
    assert steps[0] > 1 > 0.2 > steps[-1]
    assert (np.diff(steps) < 0.05).all()
    seam = np.abs(maps[:, 0] - maps[:, -1]).mean(1)  # the texture is periodic, without a jump at the edge
    assert seam == pytest.approx(steps, rel=0.5)


@pytest.fixture
def small_halls(monkeypatch):
    monkeypatch.setattr(backdrop, "HALLS", 2)
    monkeypatch.setattr(backdrop, "HALL_SIDE", 64)
    return backdrop.halls.__wrapped__


def test_a_hall_is_the_same_in_colour_and_in_grey(small_halls):
    colour, gray = small_halls(3), small_halls(1)
    assert (colour.shape, gray.shape) == ((2, 3, 64, 64), (2, 1, 64, 64))
    assert np.einsum("nchw,c->nhw", colour, backdrop.LUMA) == pytest.approx(gray[:, 0], abs=1e-6)
    assert 0 < colour.min() < colour.max() <= 1.2 + 1e-6
    assert (gray.std((1, 2, 3)) > 0.05).all()
    assert not np.array_equal(gray[0], gray[1])


@pytest.mark.parametrize("turf", [TURF, TURF @ backdrop.LUMA[:, None]])
def test_ground_has_the_colour_of_the_turf(turf):
    plain = backdrop.ground(np.random.default_rng(0), turf, 0, 300, CANVAS)
    assert plain.shape == (300, len(turf), CANVAS.side, CANVAS.side)
    assert np.ptp(plain, axis=(2, 3)).max() == 0  # without grain, the colour is uniform
    assert np.log(plain[:, :, 0, 0] / turf).mean(0) == pytest.approx(np.zeros(len(turf)), abs=0.05)
    grainy = backdrop.ground(np.random.default_rng(0), turf, 0.3, 300, CANVAS)
    assert (grainy > 0).all()
    contrast = (grainy / grainy.mean((2, 3), keepdims=True)).std((2, 3))
    assert 0.02 < np.median(contrast) < 0.3
    assert np.allclose(contrast, contrast[:, :1], atol=1e-5)  # grain changes the brightness, not the colour


@pytest.fixture
def white_halls(monkeypatch):
    side = backdrop.HALL_SIDE
    monkeypatch.setattr(backdrop, "halls", lambda colours: np.ones((backdrop.HALLS, colours, side, side), np.float32))


@pytest.mark.parametrize("colours", [1, 3])
def test_a_hall_covers_what_is_above_the_edge(white_halls, colours):
    edge, tilt = np.array([-1, 0.25, 0.5, 0.5, 3]), np.array([0, 0, 0, 0.4, 0])
    x, y = CANVAS.coordinate, CANVAS.coordinate[:, None]
    above = edge[:, None, None] + tilt[:, None, None] * x - y
    brightness = []
    for ground in (0, 0.4):
        image = np.full((5, colours, CANVAS.side, CANVAS.side), ground, np.float32)
        backdrop.paint_hall(np.random.default_rng(0), image, edge, tilt, CANVAS)
        image = image.mean(1)
        assert (image[above < -1 / 32] == np.float32(ground)).all()
        brightness.append(
            [set(picture[hall].round(4).tolist()) for picture, hall in zip(image, above > 1 / 32, strict=True)]
        )
    assert brightness[0] == brightness[1]  # the hall hides what is behind it
    assert [len(values) for values in brightness[0]] == [0, 1, 1, 1, 1]
