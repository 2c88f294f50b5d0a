"""Draws random colours and booleans for all objects. Colours are linear RGB [n, 3]; 1 is the white of paper."""

import numpy as np


def luminous(rng: np.random.Generator, n: int, low: float, high: float, chroma: float = 0.1) -> np.ndarray:
    """Draws colours, linear RGB [n, 3]: brightness is log-uniform in low..high, `chroma` is the distance from grey."""
    light = np.exp(rng.uniform(np.log(low), np.log(high), n))
    tint = np.exp(rng.normal(0, chroma, (n, 3)))
    return light[:, None] * tint / (tint @ [0.299, 0.587, 0.114])[:, None]


def anything(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws colours of a hall, linear RGB [n, 3]: dark, medium and white objects, a few of them strongly coloured."""
    kind = rng.choice(3, n, p=[0.42, 0.4, 0.18])
    light = np.where(kind == 0, 0, np.where(kind == 1, 1, 2))
    dark, middle, white = (
        luminous(rng, n, *range_, chroma)
        for range_, chroma in (((0.008, 0.08), 0.3), ((0.08, 0.35), 0.35), ((0.4, 1.2), 0.1))
    )
    return np.choose(light[:, None], [dark, middle, white])


def plastic(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws colours of robot shells, linear RGB [n, 3]: white to grey, sometimes yellowed."""
    return luminous(rng, n, 0.22, 0.85, 0.06)


def dark(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draws colours of gaps, rubber, lenses and dark cloth, linear RGB [n, 3]."""
    return luminous(rng, n, 0.01, 0.08, 0.15)


def chance(rng: np.random.Generator, n: int, p: float) -> np.ndarray:
    """Draws booleans that are true with probability p, bool [n]."""
    return rng.random(n) < p
