"""The colours that each function draws are as bright as its name says."""

import numpy as np
import pytest

from dataset_tools.synthetic import materials
from dataset_tools.synthetic.backdrop import LUMA


@pytest.mark.parametrize(("low", "high", "chroma"), [(0.01, 0.08, 0.15), (0.4, 1.2, 0), (0.5, 0.5, 1.0)])
def test_brightness_is_in_its_range_whatever_the_tint(low, high, chroma):
    colours = materials.luminous(np.random.default_rng(0), 5000, low, high, chroma)
    light = colours @ LUMA
    assert low * 0.999 <= light.min() <= light.max() <= high * 1.001
    assert np.log(light).mean() == pytest.approx(np.log(low * high) / 2, abs=0.05)
    assert (colours > 0).all()
    if not chroma:
        assert np.allclose(colours, colours[:, :1])


def test_shells_are_brighter_than_gaps_and_halls_range_from_dark_to_bright():
    generator = np.random.default_rng(0)
    dark, plastic, anything = (
        draw(generator, 3000) @ LUMA for draw in (materials.dark, materials.plastic, materials.anything)
    )
    assert dark.max() < plastic.min()
    assert anything.min() < 0.02 < 0.2 < np.median(plastic) < 1 < anything.max()


@pytest.mark.parametrize("p", [0, 0.25, 1])
def test_booleans_are_true_with_the_given_probability(p):
    drawn = materials.chance(np.random.default_rng(0), 10_000, p)
    assert drawn.dtype == bool
    assert drawn.mean() == pytest.approx(p, abs=0.02)
