"""Compares detectors by their centre error, radius error and IoU."""

import argparse
from pathlib import Path

from detector_cnn_ball_radius_center import metrics, plots
from robot_export.comparison.paired_differences import Measure, Subject, compare


def compare_models(arguments: argparse.Namespace, models: list[Path], files: list[Path]) -> None:
    """Compares models on patch files; the arguments are those of compare.py."""
    compare(subject(), arguments, models, files)


def subject() -> Subject:
    """Returns the description of a comparison of detectors: metrics, pictures and groups."""
    limit = metrics.IOU_LIMITS[1]
    measures = (
        Measure("median centre error", -1, unit=" px"),
        Measure("median radius error", -1, unit=" px"),
        Measure("mean IoU", 1, digits=4),
        Measure(f"IoU above {limit:g}", 1, scale=100, unit=" %", digits=1),
    )
    return Subject(
        "detection",
        ("radius", "center_x", "center_y"),
        measures,
        lambda patches, circles, threshold: metrics.of_drawn_patches(patches.y, circles, patches.X.shape[2]),
        lambda y, circles, threshold: {"poor": metrics.circle_iou(y, circles) <= limit},
        plots.changed,
        lambda y: {"radius": [f"radius {name}" for name in metrics.radius_class(y[:, 0])]},
    )
