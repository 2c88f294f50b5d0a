"""Finds patches to label in unlabelled pictures and logs, and false alarms in pictures without a ball.

python3 mine.py MODEL SOURCE...
python3 mine.py MODEL game.log --models OTHER_RUN --no-ball practice_without_ball.log
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # works in any folder with any Python: finds this repository's modules and packages
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli.evaluation_options import threshold_value
from common.cli.find_run import run_or_file
from common.cli.program import Parser, check_files, output_folder, run_main
from common.cli.quiet import quiet_stderr
from common.errors import UserError
from dataset_tools.scanning.predict_options import add_scan_options, within
from robot_export.foreign_options import add_foreign_options

CANDIDATES = 10
RULES = ("nearest", "models", "views")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line and checks it without opening files."""
    parser = Parser(description=(__doc__ or " ").splitlines()[0])
    add, default, many = parser.add_argument, "(default: %(default)s)", {"nargs": "+", "default": []}
    text = "the classifier to improve: a run, a .keras, .tflite or .onnx file"
    add("model", type=run_or_file, metavar="MODEL", help=text)
    text = "pictures, folders, zips, NaoTH logs, patch files (.h5)"
    add("sources", type=Path, nargs="+", metavar="SOURCE", help=text)
    text = "other classifiers, which score the same patches"
    add("--models", type=run_or_file, **many, metavar="MODEL", help=text)
    text = "chooses patches nearest to a score of 0.5, on which models disagree, or on which flips and shifts disagree "
    add("--rule", choices=RULES, help=text + "(default: nearest; models if there are several)")
    text = f"maximum number of patches to label {default}"
    add("--count", type=within(int, 1, 1_000_000), default=200, metavar="N", help=text)
    text = f"maximum number of patches per second of each recording and camera {default}"
    add("--per-second", type=within(int, 1, 10_000), default=2, metavar="N", help=text)
    text = f"pictures per second and camera {default}"
    add("--fps", type=within(float, 0.01, 1000), default=30.0, metavar="F", help=text)
    text = "patch files: similar patches are not chosen (default: the model's training files, if on this machine)"
    add("--training", type=Path, **many, metavar="FILE", help=text)
    text = "annotated pictures, in which false alarms away from all balls become negatives"
    add("--certified", type=Path, **many, metavar="SOURCE", help=text)
    text = "pictures and logs that certainly show no ball, in which all false alarms become negatives"
    add("--no-ball", type=Path, **many, metavar="SOURCE", help=text)
    text = "lowest score of a false alarm (default: the threshold of the model)"
    add("--threshold", type=threshold_value, metavar="X", help=text)
    text = "patch root (top/, bottom/) for the negatives (default: negatives in the output folder)"
    add("--negatives", type=Path, metavar="ROOT", help=text)
    text = "folder for the results (default: a new mine-NAME in the output folder, with a number if it exists)"
    add("--output-dir", type=output_folder, metavar="DIR", help=text)
    add_scan_options(parser, CANDIDATES)
    add_foreign_options(parser)
    arguments = parser.parse_args(argv)
    for sources in (arguments.sources, arguments.certified, arguments.no_ball, arguments.training):
        check_files(sources, folders=True)
    if arguments.rule == "models" and not arguments.models:
        raise UserError("--rule models needs several models. Received: one. Add others with --models.")
    return arguments


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and mines."""
    arguments = parse_args(argv)
    with quiet_stderr():
        from classifier_cnn.mining import mine_with
    mine_with(arguments)


if __name__ == "__main__":
    sys.exit(run_main(main))
