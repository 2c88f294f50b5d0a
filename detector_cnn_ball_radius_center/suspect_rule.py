"""Finds labels of the detector's patches that are probably wrong."""

import numpy as np
from scipy.optimize import least_squares

from detector_cnn_ball_radius_center.metrics import checked

SUSPICIOUS = 2.5  # robust standard deviations; see `unexplained` and benchmarks/planted_labels.py


def unexplained(y, circles, sharpness) -> np.ndarray:
    """How much larger each error is than the ball's size and blur explain, in robust standard deviations, float64 [n].

    The error is the distance of label and prediction as vectors [radius, x, y], with radius and centre in units of
    their spread (1.4826 times the median absolute deviation). Its logarithm is fitted as a linear function of the
    logarithms of radius and sharpness, with the soft L1 loss, so that wrong labels do not affect the fit. The residual
    is divided by its spread above the median (only above, because tiny errors make the lower side of a logarithm long).

    Args:
        y: [n, 3], the labels. circles: [n, 3], from networks that have not seen the patch.
        sharpness: [n], from 0 for a ramp to 1 for noise.
    """
    y, circles = checked(y, circles)
    apart = np.abs(circles - y)
    spread = [1.4826 * max(np.median(values), 1e-4) for values in (apart[:, 0], apart[:, 1:])]
    error = np.log(np.maximum(np.linalg.norm(apart / np.array([spread[0], spread[1], spread[1]]), axis=1), 0.01))
    known = np.stack([np.ones(len(y)), np.log(y[:, 0]), np.log(np.asarray(sharpness) + 1e-3)], axis=1)
    fitted = least_squares(lambda weights: known @ weights - error, np.zeros(3), loss="soft_l1", f_scale=0.5)
    rest = error - known @ fitted.x
    above = rest - np.median(rest)
    return above / (1.4826 * np.median(above[above > 0]) if (above > 0).any() else 1.0)
