"""Compares classifiers by their recall at the same false positive rate, and at their own thresholds."""

import argparse
from pathlib import Path

import numpy as np

from classifier_cnn import metrics, plots
from classifier_cnn.options import MAX_FPR
from common.runs.plots import percent
from robot_export.comparison.paired_differences import Measure, Subject, compare


def compare_models(arguments: argparse.Namespace, models: list[Path], files: list[Path]) -> None:
    """Compares models on patch files; the arguments are those of compare.py."""
    compare(subject(arguments.max_fpr), arguments, models, files)


def subject(max_fpr: float = MAX_FPR) -> Subject:
    """Returns the description of a comparison of classifiers.

    The first metric of the comparison is the recall at a false positive rate of `max_fpr`.
    """
    limits = sorted({max_fpr, *metrics.FPR_LIMITS}, key=lambda limit: (limit != max_fpr, -limit))
    rate = {"scale": 100, "unit": " %"}
    measures = (
        *(Measure(f"recall at {percent(limit)} false positives", 1, **rate, digits=1) for limit in limits),
        Measure("AUROC", 1, digits=4),
        Measure("recall at its own threshold", 1, **rate, digits=1),
        Measure("false positives at its own threshold", -1, **rate, digits=2),
    )

    def errors(y, answers, threshold):
        balls, found = y == 1, answers[:, 0] >= np.float32(threshold)
        return {"missed": balls & ~found, "false": ~balls & found}

    return Subject(
        "classification",
        ("score",),
        measures,
        lambda patches, answers, threshold: metrics.of_drawn_patches(patches.y, answers[:, 0], threshold, limits),
        errors,
        plots.changed,
        lambda y: {},
    )
