"""Finds patches to label in unlabelled pictures and logs, and false alarms in pictures without a ball.

python3 mine.py MODEL SOURCE...
python3 mine.py MODEL game.log --models OTHER_RUN --no-ball practice_without_ball.log
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
from common.errors import UserError
from dataset_tools.scanning.predict_options import add_scan_options, within
from robot_export.foreign_options import add_foreign_options, check_models

CANDIDATES = 10
RULES = ("nearest", "models", "views")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line and checks it without opening files."""
    parser = Parser(description=(__doc__ or " ").splitlines()[0])
    add, default, many = parser.add_argument, "(default: %(default)s)", {"nargs": "+", "default": []}
    text = "the classifier to improve: a run, or a .keras, .tflite or .onnx file"
    add("model", type=run_or_file, metavar="MODEL", help=text)
    text = "pictures, folders, zips, NaoTH logs, patch files (.h5)"
    add("sources", type=Path, nargs="+", metavar="SOURCE", help=text)
    text = "other classifiers that score the same patches"
    add("--models", type=run_or_file, **many, metavar="MODEL", help=text)
    text = "choose the patches whose score is nearest to 0.5 (nearest), differs most between the models (models), or "
    text += "changes most when the patch is flipped or shifted (views) (default: models with --models, else nearest)"
    add("--rule", choices=RULES, help=text)
    text = f"maximum number of patches to label {default}"
    add("--count", type=within(int, 1, 1_000_000), default=200, metavar="N", help=text)
    text = f"maximum number of patches per second of each recording and camera {default}"
    add("--per-second", type=within(int, 1, 10_000), default=2, metavar="N", help=text)
    text = f"number of pictures that each camera took per second {default}"
    add("--fps", type=within(float, 0.01, 1000), default=30.0, metavar="F", help=text)
    text = "patch files; patches that look like a patch in these files are not chosen (default: the training files of "
    text += "the model, if they are on this machine)"
    add("--training", type=Path, **many, metavar="FILE", help=text)
    text = "annotated pictures; false alarms in them that touch no ball become negatives"
    add("--certified", type=Path, **many, metavar="SOURCE", help=text)
    text = "pictures and logs that certainly show no ball; all false alarms in them become negatives"
    add("--no-ball", type=Path, **many, metavar="SOURCE", help=text)
    text = "lowest score of a false alarm (default: the threshold of the model)"
    add("--threshold", type=threshold_value, metavar="X", help=text)
    text = "folder for the negatives, with top/ and bottom/ inside (default: negatives in the folder of the results)"
    add("--negatives", type=Path, metavar="ROOT", help=text)
    add("--output-dir", type=output_folder, metavar="DIR", help=RESULTS.format("mine-NAME"))
    add_scan_options(parser, CANDIDATES)
    add_foreign_options(parser)
    arguments = parser.parse_args(argv)
    check_models((arguments.model, *arguments.models))
    for sources in (arguments.sources, arguments.certified, arguments.no_ball, arguments.training):
        check_files(sources, folders=True)
    if arguments.rule == "models" and not arguments.models:
        raise UserError("--rule models needs several models. Received: one model. Add more models with --models.")
    return arguments


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and searches the sources."""
    arguments = parse_args(argv)
    with quiet_stderr():
        from classifier_cnn.mining import mine_with
    mine_with(arguments)


if __name__ == "__main__":
    sys.exit(run_main(main))
