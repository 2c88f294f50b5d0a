"""Makes patches with a lot of texture, and plausible circles for them."""

import numpy as np


def textured(count, size=16, channels=1, seed=0):
    return np.random.default_rng(seed).integers(20, 230, (count, size, size, channels), dtype=np.uint8)


def circles(count):
    return np.random.default_rng(1).normal([0.39, 0.5, 0.5], [0.05, 0.09, 0.09], (count, 3)).clip(0.1, 0.9)
