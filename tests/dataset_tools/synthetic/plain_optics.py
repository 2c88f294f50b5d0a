"""Makes a camera without blur, noise or tone curve."""

from dataclasses import fields

import numpy as np

from dataset_tools.synthetic import camera


def plain_optics(n, side):
    """Returns settings with which the camera changes none of n patches. A test may edit each field, an array."""
    neutral = {"side": side, "halo": 1, "gain": 1, "gamma": 1}
    names = [field.name for field in fields(camera.Optics)]
    return camera.Optics(**{name: np.full(n, float(neutral.get(name, 0))) for name in names})
