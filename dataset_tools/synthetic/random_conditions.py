"""Draws the conditions of a recording at random, and the camera's settings for each of its patches."""

from dataclasses import dataclass

import numpy as np

from dataset_tools.synthetic.backdrop import LUMA
from dataset_tools.synthetic.ball import CLASSIC, PATTERNS
from dataset_tools.synthetic.camera import Optics
from dataset_tools.synthetic.materials import luminous


@dataclass(frozen=True)
class World:
    """The conditions that stay the same during a recording. Colours are linear RGB; `Optics` describes the camera."""

    turf: np.ndarray
    line: np.ndarray
    turf_contrast: float
    clutter: float
    pattern: int
    white: np.ndarray
    black: np.ndarray
    gloss: float
    ambient: float
    gain: float
    gamma: float
    contrast: float
    level: float
    studio: bool
    noise: float
    sharpen: float
    halo: float
    focus: float
    motion: float


def random_world(rng: np.random.Generator) -> World:
    """Draws the conditions of one recording."""
    warm = np.exp(rng.normal(0, 0.12, 3))  # the white balance is slightly off
    turf = luminous(rng, 1, 0.025, 0.22, 0.1)[0] * [0.55, 1.25, 0.5]
    automatic = (0.08 / (turf @ LUMA)) ** 0.3  # exposure control: darker carpets are exposed for longer
    classic = rng.random() < 0.45
    return World(
        turf=turf * warm,
        line=luminous(rng, 1, 0.3, 0.95, 0.03)[0] * warm,
        turf_contrast=rng.uniform(0.03, 0.35),
        clutter=rng.uniform(0.2, 0.7),
        pattern=int(rng.integers(CLASSIC) if classic else rng.integers(CLASSIC, PATTERNS)),
        white=luminous(rng, 1, 0.6, 0.95, 0.05)[0] * warm,
        black=luminous(rng, 1, 0.008, 0.1, 0.2)[0] * warm,
        gloss=rng.uniform(0, 0.3),
        ambient=rng.uniform(0.35, 0.95),
        gain=automatic * np.exp(rng.normal(0, 0.4)),
        gamma=1 / rng.uniform(1.7, 2.5),
        contrast=rng.uniform(0, 0.7),
        level=rng.uniform(0, 0.06),
        studio=bool(rng.random() < 0.5),
        noise=rng.uniform(0.005, 0.04),
        sharpen=rng.uniform(0, 2.5),
        halo=rng.uniform(0.7, 2.5),
        focus=rng.uniform(0.25, 0.8),
        motion=rng.uniform(0.2, 1.5),
    )


def random_optics(rng: np.random.Generator, world: World, n: int) -> Optics:
    """Draws the distance (and so the size), blur, exposure and noise of n candidates."""
    far = rng.random(n) < 0.12
    side = np.where(far, rng.uniform(9, 24, n), np.exp(rng.normal(np.log(50), 0.35, n))).round().clip(9, 120)
    lost = np.where(rng.random(n) < 0.2, rng.uniform(0.005, 0.05, n), 0)
    length = np.where(rng.random(n) < 0.4, rng.exponential(0.05, n) * world.motion, 0).clip(0, 0.3)
    way = rng.normal(0, 0.7, n)

    def same(value):
        return np.full(n, value)

    return Optics(
        side=side,
        focus=np.hypot(world.focus * rng.uniform(0.7, 1.3, n) / side, lost),
        motion_x=length * np.cos(way),
        motion_y=length * np.sin(way),
        sharpen=same(world.sharpen),
        halo=same(world.halo),
        gain=world.gain * np.exp(rng.normal(0, 0.15, n)),
        gamma=same(world.gamma),
        contrast=same(world.contrast),
        black=same(world.level),
        studio=same(world.studio),
        noise=same(world.noise),
        read_noise=same(world.noise * 0.15),
    )
