"""Paints the background: turf with grain and, beyond the field, a hall full of people and objects."""

from functools import cache

import numpy as np

from dataset_tools.synthetic.shapes import Canvas

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
GRAIN, GRAIN_SIDE = 12, 128  # number of maps of turf grain, and their side in texels
HALLS, HALL_SIDE = 12, 256


@cache
def grains() -> np.ndarray:
    """Returns periodic fractal noise, grainy to cloudy, with mean 0 and variance 1: float32 [GRAIN, side, side]."""
    rng = np.random.default_rng(16)
    frequency = np.hypot(np.fft.fftfreq(GRAIN_SIDE)[:, None], np.fft.rfftfreq(GRAIN_SIDE))
    frequency[0, 0] = 1
    maps = []
    for slope in np.linspace(0.2, 1.6, GRAIN):
        field = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(GRAIN_SIDE, GRAIN_SIDE))) / frequency**slope)
        maps.append((field - field.mean()) / field.std())
    return np.array(maps, np.float32)


@cache
def halls(colours: int) -> np.ndarray:
    """Returns periodic pictures of crowded halls, linear light, float32 [HALLS, colours, side, side].

    If there is only one colour, it is the luminance. Upright boxes, rounded objects and people of all sizes hide each
    other: occlusion with power-law sizes gives the statistics of natural pictures (Lee, Mumford, Huang 2001, "Occlusion
    models for natural images", IJCV 41).
    """
    rng = np.random.default_rng(64)
    maps = np.empty((HALLS, HALL_SIDE, HALL_SIDE, 3), np.float32)
    for picture in maps:
        picture[:] = np.exp(rng.uniform(-3, -0.7))
        spread, crowded = rng.uniform(0.4, 1.0), rng.uniform(0.1, 0.8)
        for size in np.sort(6 * (1 - rng.random(500)) ** -0.8)[::-1].clip(3, 70):
            where = rng.integers(HALL_SIDE, size=2)
            if rng.random() < crowded:
                _stand_person(rng, picture, where, size, spread)
            else:
                tall, wide = size * np.exp(rng.normal(0, 0.5, 2))
                _stamp(picture, where, tall, wide, _paint(rng, spread), rng.random() < 0.3)
    if colours == 1:
        maps = (maps @ LUMA)[..., None]
    return np.ascontiguousarray(np.moveaxis(maps, -1, 1))


def _paint(rng: np.random.Generator, spread: float) -> np.ndarray:
    """Draws a colour, linear RGB [3]; `spread` is the standard deviation of the logarithm of its brightness."""
    return np.exp(rng.normal(-1.9, spread) + rng.normal(0, 0.2, 3)).clip(0.005, 1.2)


def _stamp(picture: np.ndarray, where: np.ndarray, tall: float, wide: float, colour: np.ndarray, oval: bool) -> None:
    """Paints an upright box or an ellipse over a periodic picture, in place; lengths in texels."""
    rows, columns = (np.arange(-(size // 2), size // 2 + 1).astype(int) for size in (tall, wide))
    at = np.ix_((where[0] + rows) % HALL_SIDE, (where[1] + columns) % HALL_SIDE)
    if oval:
        inside = (rows[:, None] / (tall / 2 + 0.5)) ** 2 + (columns / (wide / 2 + 0.5)) ** 2 <= 1
        picture[at] = np.where(inside[..., None], colour, picture[at])
    else:
        picture[at] = colour


def _stand_person(rng: np.random.Generator, picture: np.ndarray, where: np.ndarray, size: float, spread: float) -> None:
    """Paints a standing or sitting person: legs, trunk, arms, head; `size` is the width of the shoulders in texels."""
    trousers, shirt, skin = (
        _paint(rng, spread),
        _paint(rng, spread),
        rng.uniform(0.1, 0.45) * np.array([1.2, 0.95, 0.8]),
    )
    legs = rng.uniform(0.3, 1.4)
    for side in (-1, 1):
        step = np.array([size * (0.6 + legs / 2), side * size * rng.uniform(0.15, 0.4)]).astype(int)
        _stamp(picture, where + step, size * legs, size * 0.35, trousers, False)
        arm = np.array([0, side * size * rng.uniform(0.45, 0.6)]).astype(int)
        _stamp(picture, where + arm, size, size * 0.2, shirt if rng.random() < 0.6 else skin, False)
    _stamp(picture, where, size * 1.3, size * 0.9, shirt, rng.random() < 0.3)
    _stamp(picture, where - np.array([int(size), 0]), size * 0.6, size * 0.45, skin, True)
    hair = where - np.array([int(size * 1.15), 0])
    _stamp(picture, hair, size * 0.35, size * 0.45, np.full(3, rng.uniform(0.01, 0.2)), True)


def ground(rng: np.random.Generator, turf: np.ndarray, contrast: float, n: int, canvas: Canvas) -> np.ndarray:
    """Draws turf with its grain.

    Args:
        turf: linear RGB [3], or luminance [1].
        contrast: standard deviation of the strongest grain, as a fraction of the brightness.

    Returns:
        float32 [n, colours, side, side].
    """
    scale = np.exp(rng.normal(np.log(50), 0.5, (n, 1))) * rng.choice([-1, 1], (n, 1))
    across = canvas.coordinate * scale + rng.uniform(0, GRAIN_SIDE, (n, 1))
    along = canvas.coordinate * scale * rng.uniform(1, 3, (n, 1)) + rng.uniform(0, GRAIN_SIDE, (n, 1))
    across, along = across.astype(np.int32) % GRAIN_SIDE, along.astype(np.int32) % GRAIN_SIDE
    grain = grains()[rng.integers(GRAIN, size=n)[:, None, None], along[:, :, None], across[:, None, :]]
    grain *= (contrast * rng.uniform(0.3, 1, n)).astype(np.float32)[:, None, None]
    colour = (turf * np.exp(rng.normal(0, 0.2, (n, 1)))).astype(np.float32)
    return colour[:, :, None, None] * (1 + np.clip(grain, -0.9, 2))[:, None]


def paint_hall(rng: np.random.Generator, image: np.ndarray, edge: np.ndarray, tilt: np.ndarray, canvas: Canvas) -> None:
    """Paints a hall above the edge of the field, in place.

    Args:
        image: float32 [n, colours, side, side].
        edge: the edge's y at the left of the patch, in patch widths from the top [n]; if it is 2 or more, no field is
            visible.
        tilt: slope of the edge [n].
    """
    n, colours = image.shape[:2]
    scale = np.exp(rng.uniform(np.log(30), np.log(160), (n, 1)))  # texels per patch width; a distant hall has more
    across = canvas.coordinate * scale * rng.choice([-1, 1], (n, 1)) + rng.uniform(0, HALL_SIDE, (n, 1))
    down = canvas.coordinate * scale + rng.uniform(0, HALL_SIDE, (n, 1))
    across, down = across.astype(np.int32) % HALL_SIDE, down.astype(np.int32) % HALL_SIDE
    chosen = rng.integers(HALLS, size=n)
    cover = edge[:, None, None] + tilt[:, None, None] * canvas.coordinate - canvas.coordinate[:, None]
    cover = np.clip(cover * canvas.patch + 0.5, 0, 1).astype(np.float32)
    light = np.exp(rng.normal(0, 0.4, n)).astype(np.float32)[:, None, None]
    for c in range(colours):
        picture = halls(colours)[chosen[:, None, None], c, down[:, :, None], across[:, None, :]]
        image[:, c] += cover * (picture * light - image[:, c])
