"""Scores a classifier and a detector together, as on the robot: the classifier decides, the detector gives the circle.

python3 score_together.py CLASSIFIER DETECTOR CLASSIFICATION_FILE DETECTION_FILE
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli.evaluation_options import RESULTS, threshold_value
from common.cli.find_run import run_or_file
from common.cli.program import Parser, check_files, output_folder, run_main
from common.cli.quiet import quiet_stderr
from common.datasets.families import all_families
from common.errors import UserError
from common.training.find_model import find_model, read_threshold


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line and checks it without opening files."""
    parser = Parser(description=(__doc__ or " ").splitlines()[0])
    parser.add_argument("classifier", type=run_or_file, metavar="CLASSIFIER", help="a .keras file, or a run")
    parser.add_argument("detector", type=run_or_file, metavar="DETECTOR", help="a .keras file, or a run")
    text = "classification file; only its patches without a ball are used"
    parser.add_argument("classification", type=Path, metavar="CLASSIFICATION_FILE", help=text)
    text = "detection file of the same family; provides the balls"
    parser.add_argument("detection", type=Path, metavar="DETECTION_FILE", help=text)
    text = "decision threshold (default: the classifier's threshold, from model.json)"
    parser.add_argument("--threshold", type=threshold_value, metavar="X", help=text)
    parser.add_argument("--output-dir", type=output_folder, metavar="DIR", help=RESULTS.format("together-NAME"))
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and scores both models."""
    arguments = parse_args(argv)
    classifier, detector = find_model(arguments.classifier), find_model(arguments.detector)
    threshold, origin = read_threshold(classifier, arguments.threshold)
    check_files((arguments.classification, arguments.detection))
    check_family(arguments.classification, arguments.detection)
    with quiet_stderr():
        from detector_cnn_ball_radius_center.together_report import report_pair
    report_pair(arguments, classifier, detector, threshold, origin)


def check_family(classification: Path, detection: Path) -> None:
    """Refuses two files of the archive that were not cut and converted in the same way.

    Only the names of the files are compared. Files that are not named like those of the archive are accepted.

    Raises:
        UserError: the files belong to different families.
    """
    kinds = []
    for path, task in ((classification, "classification"), (detection, "detection")):
        stems = (family.stem for family in all_families(task))
        kinds += [stem.partition("_patches_")[2] for stem in stems if path.name.startswith(f"{stem}_")]
    if len(set(kinds)) > 1:
        raise UserError(
            f"the two files belong to different families. Received: {kinds[0]} and {kinds[1]}. "
            "Use a classification and a detection file from the same family."
        )


if __name__ == "__main__":
    sys.exit(run_main(main))
