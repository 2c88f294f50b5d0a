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
from common.cli.program import Parser, check_files, run_main
from common.cli.quiet import quiet_stderr
from common.errors import UserError
from dataset_tools.scanning.predict_options import add_scan_options, check_scan_options
from robot_export.foreign_options import add_foreign_options, foreign

COUNT, PER_SECOND, FPS, CANDIDATES = 200, 2, 30.0, 10
RULES = ("nearest", "models", "views")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line and checks it without opening files."""
    parser = Parser(description=(__doc__ or " ").splitlines()[0])
    add = parser.add_argument
    text = "the classifier to improve: a run, a .keras, .tflite or .onnx file"
    add("model", type=run_or_file, metavar="MODEL", help=text)
    add(
        "sources", type=Path, nargs="+", metavar="SOURCE", help="pictures, folders, zips, NaoTH logs, patch files (.h5)"
    )
    text = "other classifiers for the same patches"
    add("--models", type=run_or_file, nargs="+", default=[], metavar="MODEL", help=text)
    text = "patches to choose: nearest to 0.5; where the models disagree; where flips and shifts of a patch disagree "
    add("--rule", choices=RULES, help=text + "(default: nearest, or models if there are others)")
    add(
        "--count",
        type=int,
        default=COUNT,
        metavar="N",
        help="maximum of patches to label (default: %(default)s)",
    )
    text = "maximum number of patches per second of each recording and camera (default: %(default)s)"
    add("--per-second", type=int, default=PER_SECOND, metavar="N", help=text)
    add("--fps", type=float, default=FPS, metavar="F", help="pictures per second and camera (default: %(default)s)")
    text = "patch files; similar patches are not chosen (default: the model's training files, if they exist here)"
    add("--training", type=Path, nargs="+", metavar="FILE", help=text)
    text = "annotated pictures, in which false alarms away from all balls become negatives"
    add("--certified", type=Path, nargs="+", default=[], metavar="SOURCE", help=text)
    text = "pictures and logs that certainly show no ball, in which all false alarms become negatives"
    add("--no-ball", type=Path, nargs="+", default=[], metavar="SOURCE", help=text)
    text = "lowest score of a false alarm (default: the threshold of the model)"
    add("--threshold", type=threshold_value, metavar="X", help=text)
    text = "patch root (top/, bottom/) for the negatives (default: negatives in the output folder)"
    add("--negatives", type=Path, metavar="ROOT", help=text)
    text = "folder for the results (default: a new mine-NAME in the output folder, with a number if it exists)"
    add("--output-dir", type=Path, metavar="DIR", help=text)
    add_scan_options(parser, CANDIDATES)
    add_foreign_options(parser)
    arguments = parser.parse_args(argv)
    check_scan_options(arguments)
    sources = (*arguments.sources, *arguments.certified, *arguments.no_ball, *(arguments.training or ()))
    check_files(sources, "file or folder")
    for name, least in (("count", 1), ("per_second", 1), ("fps", 0.01)):
        if not getattr(arguments, name) >= least:
            shown = name.replace("_", "-")
            raise UserError(f"--{shown} must be at least {least}. Received: {getattr(arguments, name)}.")
    if arguments.rule == "models" and not arguments.models:
        raise UserError("--rule models needs several models. Received: one. Add others with --models.")
    return arguments


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and mines."""
    arguments = parse_args(argv)
    given = foreign(arguments)
    with quiet_stderr():
        from classifier_cnn.mining import mine_with
    mine_with(arguments, given)


if __name__ == "__main__":
    sys.exit(run_main(main))
