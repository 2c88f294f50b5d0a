"""Makes pictures that all look different."""

import numpy as np


def pictures(count, seed=0):
    """Returns smooth random pictures, uint8 [n, 16, 16], that all look different."""
    coarse = np.random.default_rng(seed).normal(size=(count, 6, 6))
    basis = np.cos(np.pi * np.arange(6)[:, None] * (2 * np.arange(16) + 1) / 32)
    smooth = np.einsum("nij,ix,jy->nxy", coarse, basis, basis)
    return (128 + 30 * smooth).clip(0, 255).astype(np.uint8)
