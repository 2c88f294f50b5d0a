"""Makes small random patches, labels and files."""

import h5py
import numpy as np

from common.datasets.patch_file import Patches


def pixels(count=6, side=16, channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, channels), dtype=np.uint8)


def circles(count, seed=0):
    """Returns labels [radius, x, y], distributed as in real files."""
    generator = np.random.default_rng(seed)
    return np.column_stack(
        [
            generator.normal(0.394, 0.054, count).clip(0.3, 0.55),
            generator.normal(0.5, 0.093, count).clip(0.02, 1.014),
            generator.normal(0.5, 0.092, count).clip(0.02, 1.014),
        ]
    ).astype(np.float32)


def raw(path, **datasets):
    with h5py.File(path, "w") as file:
        for key, value in datasets.items():
            file[key] = value
    return path


def recorded(counts, balls):
    """Returns classification patches from len(counts) recordings."""
    y = np.concatenate([np.arange(n) < b for n, b in zip(counts, balls, strict=True)]).astype(np.float32)
    names = np.repeat([f"log{i:02d}" for i in range(len(counts))], counts)
    return Patches(pixels(len(y)), y, recording=names)
