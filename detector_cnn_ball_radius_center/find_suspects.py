"""Finds labelled circles that are probably wrong: further from the prediction than size and blur can explain."""

import argparse

import numpy as np
from scipy.optimize import least_squares

from dataset_tools.inspection.file_statistics import sharpness
from dataset_tools.leaks.hashes import small
from dataset_tools.suspects.folds_and_list import answers_by_fold, read_recordings, write
from detector_cnn_ball_radius_center import plots, training
from detector_cnn_ball_radius_center.metrics import checked
from detector_cnn_ball_radius_center.options import Options

SUSPICIOUS = 2.5  # in robust standard deviations, see `unexplained`; chosen with benchmarks/planted_labels.py


def find_suspects(arguments: argparse.Namespace, options: Options) -> None:
    """Trains one network per fold, judges all labels and writes the results; see suspects.py for the arguments.

    Raises:
        UserError: the patches cannot be used.
    """
    patches = read_recordings(arguments.files, "detection")
    circles = answers_by_fold(patches, arguments.folds, options, training)
    excess = unexplained(patches.y, circles, sharpness(small(patches.X)))
    found = np.flatnonzero(excess > SUSPICIOUS)
    found = found[np.argsort(-excess[found], kind="stable")]
    columns = {"deviations": excess[found]}
    for prefix, values in (("given", patches.y), ("predicted", circles)):
        columns |= {f"{prefix}_{name}": values[found, i] for i, name in enumerate(("radius", "center_x", "center_y"))}
    write(arguments, patches, circles, found, columns, plots.circle_gallery, {"--drop": "leaves the patches out"})


def unexplained(y, circles, sharp) -> np.ndarray:
    """Returns how far each error exceeds what size and blur explain, in robust standard deviations, float64 [n].

    The error is the distance between label and prediction as vectors [radius, x, y], with radius and centre in units
    of their spread (1.4826 times the median absolute deviation). A linear function of the logarithms of radius and
    sharpness is fitted to the logarithm of the error. The fit uses the soft L1 loss, so that wrong labels hardly change
    it. Each residual is divided by the spread of the residuals above the median. Residuals below the median are not
    used, because the logarithms of tiny errors are very negative.

    Args:
        y: [n, 3], the labels. circles: [n, 3], from networks that have not seen the patch.
        sharp: [n], the sharpness, from 0 for a ramp to 1 for noise.
    """
    y, circles = checked(y, circles)
    apart = np.abs(circles - y)
    spread = [1.4826 * max(np.median(values), 1e-4) for values in (apart[:, 0], apart[:, 1:])]
    error = np.log(np.maximum(np.linalg.norm(apart / np.array([spread[0], spread[1], spread[1]]), axis=1), 0.01))
    known = np.stack([np.ones(len(y)), np.log(y[:, 0]), np.log(np.asarray(sharp) + 1e-3)], axis=1)
    fitted = least_squares(lambda weights: known @ weights - error, np.zeros(3), loss="soft_l1", f_scale=0.5)
    rest = error - known @ fitted.x
    above = rest - np.median(rest)
    return above / (1.4826 * np.median(above[above > 0]) if (above > 0).any() else 1.0)
