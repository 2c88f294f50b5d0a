"""Exports a trained classifier to all formats, compares them with the model, and writes model.json and its card.

python3 export.py ../runs/NAME                            uses the run's own patches
python3 export.py MODEL --calibration TRAIN.h5 --validation VALIDATION.h5
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from classifier_cnn.options import MAX_FPR, add_limit, check_limit
from common.cli import launch
from common.cli.find_run import run_or_file
from common.cli.program import run_main
from common.cli.quiet import quiet_stderr
from robot_export.options import check_arguments, export_parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line and checks it without reading files."""
    parser = export_parser((__doc__ or " ").splitlines()[0])
    add_limit(parser, f"the thresholds are chosen for this rate (default: the rate of the run, else {MAX_FPR})")
    text = "a detector to combine with this classifier, for robots whose code reads both models from one file"
    parser.add_argument("--detector", type=run_or_file, metavar="RUN", help=text)
    arguments = parser.parse_args(argv)
    check_limit(arguments.max_fpr, arguments.confidence)
    return check_arguments(arguments, "classifier")


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and exports the model."""
    arguments = parse_args(argv)
    launch.switch_off()
    with quiet_stderr():
        from classifier_cnn import exporting

    exporting.export(arguments)


if __name__ == "__main__":
    sys.exit(run_main(main))
