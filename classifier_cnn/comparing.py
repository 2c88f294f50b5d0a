"""Compares classifiers by their recall at equal false positive rates, and at their own thresholds."""

import argparse
from pathlib import Path

import numpy as np

from classifier_cnn import metrics, plots
from classifier_cnn.options import MAX_FPR
from common.datasets.load import read_files
from common.runs.plots import percent
from robot_export.comparison.models import open_models
from robot_export.comparison.paired_differences import Measure, Subject, compare


def compare_models(arguments: argparse.Namespace, models: list[Path], files: list[Path]) -> None:
    """Reads the files, scores and compares the models, and prints the result; the arguments are those of compare.py.

    Raises:
        UserError: models or files cannot be used or compared.
    """
    patches, _ = read_files(files, "classification")
    scorers = open_models(models, arguments, 1, patches)
    compare(subject(arguments.max_fpr), scorers, patches, arguments.output_dir)


def subject(max_fpr: float = MAX_FPR):
    """How classifiers are compared, a robot_export.comparison.paired_differences.Subject.

    Args:
        max_fpr: the false positive rate at which recall is compared.
    """
    limits = sorted({max_fpr, *metrics.FPR_LIMITS}, key=lambda limit: (limit != max_fpr, -limit))
    rate = {"scale": 100, "unit": " %"}
    measures = (
        *(Measure(f"recall at {percent(limit)} false positives", 1, **rate, digits=1) for limit in limits),
        Measure("AUROC", 1, digits=4),
        Measure("recall at its own threshold", 1, **rate, digits=1),
        Measure("false positive rate at its own", -1, **rate, digits=2),
    )

    def errors(y, answers, threshold):
        balls, found = y == 1, answers[:, 0] >= np.float32(threshold)
        return {"missed": balls & ~found, "false": ~balls & found}

    return Subject(
        ("score",),
        measures,
        lambda y, answers, threshold: metrics.of_drawn_patches(y, answers[:, 0], threshold, limits),
        errors,
        plots.changed,
        lambda y: {},
    )
