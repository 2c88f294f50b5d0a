"""Compares detectors by their centre error, radius error and IoU."""

import argparse
from pathlib import Path

from common.datasets.load import read_files
from detector_cnn_ball_radius_center import metrics, plots
from robot_export.comparison.models import open_models
from robot_export.comparison.paired_differences import Measure, Subject, compare


def compare_models(arguments: argparse.Namespace, models: list[Path], files: list[Path]) -> None:
    """Reads the files, scores and compares the models, and prints the result; the arguments are those of compare.py.

    Raises:
        UserError: models or files cannot be used or compared.
    """
    patches, _ = read_files(files, "detection")
    scorers = open_models(models, arguments, 3, patches)
    compare(subject(patches.X.shape[2]), scorers, patches, arguments.output_dir)


def subject(size: int):
    """How detectors are compared, a robot_export.comparison.paired_differences.Subject.

    Args:
        size: width of the patches in pixels.
    """
    limit = metrics.IOU_LIMITS[1]
    measures = (
        Measure("median centre error", -1, unit=" px"),
        Measure("median radius error", -1, unit=" px"),
        Measure("mean IoU", 1, digits=4),
        Measure(f"IoU above {limit:g}", 1, scale=100, unit=" %", digits=1),
    )
    return Subject(
        ("radius", "center_x", "center_y"),
        measures,
        lambda y, circles, threshold: metrics.of_drawn_patches(y, circles, size),
        lambda y, circles, threshold: {"poor": metrics.circle_iou(y, circles) <= limit},
        plots.changed,
        lambda y: {"radius": [f"radius {name}" for name in metrics.radius_class(y[:, 0])]},
    )
