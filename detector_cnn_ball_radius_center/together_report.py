"""Scores both models on the patches of two files, writes the metrics and the picture, and prints the metrics."""

import argparse
from pathlib import Path

from common.atomic_files import new_folder, write_json
from common.cli.tables import group_table, table
from common.cli.training_options import TrainingOptions
from common.datasets.patch_file import read_patches
from common.errors import UserError
from common.runs.evaluation import model_name
from detector_cnn_ball_radius_center import together_metrics
from detector_cnn_ball_radius_center.plots import operating_points

ROWS = (
    ("patches with a ball", "balls", "d"),
    ("  detected", "detection_rate", ".2%"),
    ("  detected, IoU above 0.5", "detection_rate_iou_0.5", ".2%"),
    ("  detected, IoU above 0.75", "detection_rate_iou_0.75", ".2%"),
    ("  mean IoU of detections", "mean_iou", ".4f"),
    ("patches without a ball", "others", "d"),
    ("  false positives", "false_positives", "d"),
    ("  false positives per 1000", "false_positives_per_1000", ".2f"),
)
COLUMNS = (
    ("balls", "balls", "d"),
    ("detected", "detection_rate", ".1%"),
    ("IoU > 0.5", "detection_rate_iou_0.5", ".1%"),
    ("mean IoU", "mean_iou", ".3f"),
    ("others", "others", "d"),
    ("FP / 1000", "false_positives_per_1000", ".2f"),
)


def report_pair(arguments: argparse.Namespace, classifier: Path, detector: Path, threshold: float, origin: str) -> None:
    """Reads the patches, scores both models, writes a new folder and prints the tables.

    Args:
        arguments: those of score_together.py.
        classifier, detector: .keras files.
        threshold: the classifier's threshold. origin: describes where the threshold comes from, for the report.

    Raises:
        UserError: the files cannot be read or scored together.
    """
    files = read_patches(arguments.classification, "classification"), read_patches(arguments.detection, "detection")
    check_patches(*files)
    balls, others = together_metrics.score(classifier, detector, *files)
    numbers = together_metrics.evaluate(balls, others, threshold)
    rows = together_metrics.evaluate_groups(balls, others, threshold)
    folder = new_folder(arguments.output_dir or TrainingOptions().output_dir / f"together-{model_name(detector)}")
    operating_points(
        folder / "operating_points.png", together_metrics.operating_curve(balls, others), numbers, threshold
    )
    result = {name: str(getattr(arguments, name)) for name in ("classifier", "detector", "classification", "detection")}
    result |= {"digests": [part.digest for part in files], "threshold": threshold, "threshold_from": origin}
    write_json(folder / "together.json", result | {"metrics": numbers, "groups": rows})
    print(table(ROWS, {"": numbers}))
    print(group_table(COLUMNS, rows, badness=lambda row: 0))
    print(f"threshold {threshold:.6g}: {origin}")
    print(f"numbers and picture: {folder}")


def check_patches(classification, detection) -> None:
    """Checks that a pair of models can be scored on these patches.

    Raises:
        UserError: the patches differ in size or colour, or all classification patches show a ball.
    """
    if classification.X.shape[1:] != detection.X.shape[1:]:
        shapes = ("x".join(map(str, part.X.shape[1:])) for part in (classification, detection))
        raise UserError(
            f"the two files have patches of different sizes or colours. Received: {' and '.join(shapes)}. "
            "Use a classification and a detection file from the same family."
        )
    if not (classification.y == 0).any():
        raise UserError(f"all patches show a ball. Received: {', '.join(classification.files)}. Choose another file.")
