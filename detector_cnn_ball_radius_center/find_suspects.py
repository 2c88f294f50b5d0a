"""Judges all labels with networks that have not seen their recordings."""

import argparse

import numpy as np
from sklearn.model_selection import GroupKFold

from dataset_tools.inspection.file_statistics import sharpness
from dataset_tools.leaks.hashes import small
from dataset_tools.suspects.folds_and_list import answers_by_fold, read_recordings, write
from detector_cnn_ball_radius_center import plots, suspect_rule, training
from detector_cnn_ball_radius_center.options import Options


def find_suspects(arguments: argparse.Namespace, options: Options) -> None:
    """Trains without each fold, judges all labels and writes the results; the arguments are those of suspects.py.

    Raises:
        UserError: the patches cannot be used.
    """
    patches = read_recordings(arguments.files, "detection")
    folds = min(arguments.folds, len(set(patches.recording)))
    splitter = GroupKFold(folds, shuffle=True, random_state=options.seed)
    circles = answers_by_fold(patches, splitter, options, training)
    excess = suspect_rule.unexplained(patches.y, circles, sharpness(small(patches.X)))
    found = np.flatnonzero(excess > suspect_rule.SUSPICIOUS)
    found = found[np.argsort(-excess[found], kind="stable")]
    columns = {"deviations": excess[found]}
    for prefix, values in (("given", patches.y), ("predicted", circles)):
        columns |= {f"{prefix}_{name}": values[found, i] for i, name in enumerate(("radius", "center_x", "center_y"))}
    write(arguments, patches, circles, found, columns, plots.circle_gallery, "--drop")
