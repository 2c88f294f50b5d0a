"""Makes a camera without blur, noise or tone curve."""

from dataclasses import fields

import numpy as np

from dataset_tools.synthetic import camera


def plain_optics(n, side):
    """Returns settings for n patches; a camera with these settings changes nothing.

    Each field is a separate array that a test may edit.
    """
    neutral = {"side": side, "halo": 1, "gain": 1, "gamma": 1}
    names = [field.name for field in fields(camera.Optics)]
    return camera.Optics(**{name: np.full(n, float(neutral.get(name, 0))) for name in names})
