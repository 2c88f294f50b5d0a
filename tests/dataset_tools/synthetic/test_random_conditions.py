"""Random conditions are within their ranges and differ between recordings; every patch has its own camera settings."""

from dataclasses import fields

import numpy as np
import pytest

from dataset_tools.synthetic.ball import CLASSIC, PATTERNS
from dataset_tools.synthetic.random_conditions import random_optics, random_world


@pytest.fixture(scope="module")
def worlds():
    return [random_world(np.random.default_rng(seed)) for seed in range(300)]


def test_conditions_are_in_their_ranges(worlds):
    for world in worlds:
        for name in ("turf", "line", "white", "black"):
            colour = getattr(world, name)
            assert colour.shape == (3,)
            assert 0 < colour.min() <= colour.max() < 3
        assert world.turf[1] > world.turf[[0, 2]].max() * 0.9  # green
        assert world.white.min() > world.black.max()
        assert 1 / 2.5 <= world.gamma <= 1 / 1.7
        assert 0 <= world.pattern < PATTERNS
        for name in ("ambient", "clutter", "gloss", "level", "noise", "turf_contrast", "contrast"):
            assert 0 <= getattr(world, name) <= 1, name
    patterns = {world.pattern for world in worlds}
    assert patterns >= set(range(CLASSIC))
    assert len(patterns) > 20
    assert np.mean([world.pattern < CLASSIC for world in worlds]) == pytest.approx(0.45, abs=0.08)


def test_the_same_seed_gives_the_same_conditions(worlds):
    again, other = (random_world(np.random.default_rng(seed)) for seed in (0, 1))
    for field in fields(again):
        assert np.array_equal(getattr(again, field.name), getattr(worlds[0], field.name))
    assert not np.array_equal(other.turf, again.turf)


def test_every_patch_has_its_own_camera_settings_in_their_ranges(worlds):
    for seed, world in enumerate(worlds[:20]):
        optics = random_optics(np.random.default_rng(seed), world, 400)
        for field in fields(optics):
            values = getattr(optics, field.name)
            assert values.shape == (400,)
            assert np.isfinite(values).all(), field.name
        assert np.array_equal(optics.side, optics.side.round())
        assert 9 <= optics.side.min() < optics.side.max() <= 120
        assert np.hypot(optics.motion_x, optics.motion_y).max() <= 0.3 + 1e-9
        assert optics.focus.min() >= 0.7 * world.focus / 120
        assert optics.gain.min() > 0
        for name, source in (("gamma", "gamma"), ("black", "level"), ("studio", "studio"), ("noise", "noise")):
            assert (getattr(optics, name) == getattr(world, source)).all()


def test_most_candidates_are_larger_than_the_network_input_but_some_are_far_away(worlds):
    side = random_optics(np.random.default_rng(0), worlds[0], 20_000).side
    assert 0.05 < (side < 20).mean() < 0.15
    assert np.median(side) == pytest.approx(48, abs=4)
