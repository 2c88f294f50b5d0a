"""Makes candidates like those in the pictures of a log, and patches that look different from each other."""

import numpy as np
from PIL import Image

from dataset_tools.annotations.record import Place, Record
from dataset_tools.scanning.scan import Found


def patch(seed, size=16):
    """Makes a smooth patch. Patches with different seeds look different; a slightly brighter copy looks the same."""
    coarse = np.random.default_rng(seed).integers(30, 220, (5, 5), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))[..., None]


def found_in(frame, count=3, log=True):
    place = Place(0, 9, "ImageTop", frame) if log else None
    record = Record(f"{frame:07d}_top", (), False, None, "game.log", "top", "game", place)
    boxes = np.tile([[0, 0, 16, 16]], (count, 1))
    return Found(record, boxes, np.stack([patch(i) for i in range(count)]), (640, 480))
