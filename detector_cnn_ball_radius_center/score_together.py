"""Scores a classifier and a detector together, as the robot uses them: its probability decides, its circle is used.

python3 score_together.py CLASSIFIER DETECTOR CLASSIFICATION_FILE DETECTION_FILE
"""

import argparse
import json
import sys
from pathlib import Path

if __name__ == "__main__":  # from any folder and by any Python: with the modules and packages of this repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.atomic_files import new_folder, replacing
from common.cli.program import Parser, run_main
from common.cli.quiet import quiet_stderr
from common.cli.tables import group_table, table
from common.cli.training_options import TrainingOptions
from common.datasets.families import all_families
from common.errors import UserError
from common.training.model_path import find_model, read_threshold

ROWS = (
    ("patches with a ball", "balls", "d"),
    ("  detected", "detection_rate", ".2%"),
    ("  detected, IoU above 0.5", "detection_rate_iou_0.5", ".2%"),
    ("  detected, IoU above 0.75", "detection_rate_iou_0.75", ".2%"),
    ("  mean IoU of the detected", "mean_iou", ".4f"),
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


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The arguments, checked as far as the files' names allow."""
    parser = Parser(description=(__doc__ or " ").splitlines()[0])
    parser.add_argument("classifier", type=Path, metavar="CLASSIFIER", help="a .keras file, or the folder of a run")
    parser.add_argument("detector", type=Path, metavar="DETECTOR", help="a .keras file, or the folder of a run")
    parser.add_argument("classification", type=Path, metavar="CLASSIFICATION_FILE", help="its patches without a ball")
    parser.add_argument("detection", type=Path, metavar="DETECTION_FILE", help="balls with their circles, same family")
    parser.add_argument("--threshold", type=float, help="default: the one shipped with the classifier, in model.json")
    parser.add_argument(
        "--output-dir",
        type=Path,
        help="folder for numbers and picture; default: a new together-NAME in the output folder",
    )
    arguments = parser.parse_args(argv)
    if arguments.threshold is not None and not 0 <= arguments.threshold < 2:
        parser.error(f"--threshold lies in [0, 2). Received: {arguments.threshold}")
    return arguments


def main(argv: list[str] | None = None) -> None:
    """Reads, scores, writes and prints."""
    arguments = parse_args(argv)
    classifier, detector = find_model(arguments.classifier), find_model(arguments.detector)
    threshold, origin = read_threshold(classifier, arguments.threshold)
    check_family(arguments.classification, arguments.detection)
    from common.datasets.patch_file import read_patches

    files = read_patches(arguments.classification, "classification"), read_patches(arguments.detection, "detection")
    check_patches(*files)
    with quiet_stderr():
        from common.runs.evaluation import model_name
        from detector_cnn_ball_radius_center import pair_metrics
        from detector_cnn_ball_radius_center.plots import operating_points

    balls, others = pair_metrics.score(classifier, detector, *files)
    numbers = pair_metrics.evaluate(balls, others, threshold)
    rows = pair_metrics.evaluate_groups(balls, others, threshold)
    folder = new_folder(arguments.output_dir or TrainingOptions().output_dir / f"together-{model_name(detector)}")
    operating_points(folder / "operating_points.png", pair_metrics.operating_curve(balls, others), numbers, threshold)
    result = {name: str(getattr(arguments, name)) for name in ("classifier", "detector", "classification", "detection")}
    result |= {"digests": [part.digest for part in files], "threshold": threshold, "threshold_from": origin}
    with replacing(folder / "together.json") as partial:
        text = json.dumps(result | {"metrics": numbers, "groups": rows}, indent=2)
        partial.write_text(text + "\n", encoding="utf-8")
    print(table(ROWS, {"": numbers}))
    print(group_table(COLUMNS, rows, badness=lambda row: 0))
    print(f"threshold {threshold:.6g}: {origin}")
    print(f"numbers and picture: {folder}")


def check_family(classification: Path, detection: Path) -> None:
    """Refuses two files of the archive that were not cut and converted in the same way.

    Files of other names are judged by their content alone.

    Raises:
        UserError: they are of two families.
    """
    kinds = []
    for path, task in ((classification, "classification"), (detection, "detection")):
        kinds += [family.stem.partition("_patches_")[2] for family in all_families(task) if _of(path, family.stem)]
    if len(set(kinds)) > 1:
        raise UserError(
            f"the two files are of different families. Received: {kinds[0]} and {kinds[1]}. "
            "Take a classification and a detection file of one family."
        )


def _of(path: Path, stem: str) -> bool:
    return path.name.startswith(f"{stem}_")


def check_patches(classification, detection) -> None:
    """Refuses patches that one pair of models cannot be scored on.

    Raises:
        UserError: they differ in size or colour, or none is without a ball.
    """
    if classification.X.shape[1:] != detection.X.shape[1:]:
        shapes = ("x".join(map(str, part.X.shape[1:])) for part in (classification, detection))
        raise UserError(
            f"the two files hold patches of different size or colour. Received: {' and '.join(shapes)}. "
            "Take a classification and a detection file of one family."
        )
    if not (classification.y == 0).any():
        raise UserError(f"no patch without a ball. Received: {', '.join(classification.files)}. Choose another file.")


if __name__ == "__main__":
    sys.exit(run_main(main))
