"""Finds balls in pictures, logs and patches: a classifier decides what is a ball; the detector gives its circle.

python3 predict.py MODEL SOURCE... --classifier RUN
python3 predict.py MODEL some_patches.h5
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli.find_run import run_or_file
from common.cli.program import check_files, run_main
from common.cli.quiet import quiet_stderr
from dataset_tools.scanning.predict_options import prediction_parser
from robot_export.foreign_options import add_foreign_options, check_models


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and finds balls in the sources."""
    parser = prediction_parser((__doc__ or " ").splitlines()[0])
    text = "run or file of a classifier that decides what is a ball; required for pictures (default: every patch "
    text += "counts as a ball)"
    parser.add_argument("--classifier", type=run_or_file, metavar="MODEL", help=text)
    add_foreign_options(parser)
    arguments = parser.parse_args(argv)
    for model in filter(None, (arguments.model, arguments.classifier)):
        check_models([model])  # in separate calls, because one file can contain both models
    check_files(arguments.sources, folders=True)
    with quiet_stderr():
        from detector_cnn_ball_radius_center.predicting import predict_with
    predict_with(arguments)


if __name__ == "__main__":
    sys.exit(run_main(main))
