"""Scores a model on patch files, with the same metrics and pictures as at the end of its run.

python3 evaluate.py MODEL FILE...
python3 classifier_cnn/evaluate.py MODEL FILE...
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from classifier_cnn.options import add_limit, check_limit
from common.cli.evaluation_options import evaluation_parser, threshold_value
from common.cli.program import check_files, run_main
from common.cli.quiet import quiet_stderr
from common.training.find_model import FALLBACK_THRESHOLD, find_model, read_threshold


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line and checks it without opening files."""
    parser = evaluation_parser((__doc__ or " ").splitlines()[0])
    parser.add_argument(
        "--threshold",
        type=threshold_value,
        metavar="X",
        help="a score of X or higher counts as a ball (default: the threshold in the model.json beside the model, "
        f"else {FALLBACK_THRESHOLD})",
    )
    add_limit(parser, "if given, the threshold that would be chosen on these files is reported, too")
    arguments = parser.parse_args(argv)
    check_limit(arguments.max_fpr, arguments.confidence)
    return arguments


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and scores the model."""
    arguments = parse_args(argv)
    model_file = find_model(arguments.model)
    threshold, origin = read_threshold(model_file, arguments.threshold)
    check_files(arguments.files)
    with quiet_stderr():
        from classifier_cnn.report import evaluate_saved
    evaluate_saved(arguments, model_file, threshold, origin)


if __name__ == "__main__":
    sys.exit(run_main(main))
