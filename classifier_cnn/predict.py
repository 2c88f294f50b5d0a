"""Finds balls in pictures, logs and patches: a classifier decides what is a ball; a detector can provide its circle.

python3 predict.py MODEL SOURCE...
python3 predict.py MODEL game.log --detector RUN --label-studio
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
    text = "run or file of a detector that provides the circles (default: circles in the middle of the patches)"
    parser.add_argument("--detector", type=run_or_file, metavar="MODEL", help=text)
    add_foreign_options(parser)
    arguments = parser.parse_args(argv)
    for model in filter(None, (arguments.model, arguments.detector)):
        check_models([model])  # separate calls, because both models may be in the same file
    check_files(arguments.sources, folders=True)
    with quiet_stderr():
        from classifier_cnn.predicting import predict_with
    predict_with(arguments)


if __name__ == "__main__":
    sys.exit(run_main(main))
