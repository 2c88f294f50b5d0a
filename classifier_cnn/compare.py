"""Compares classifiers on the same patches: which is better, by how much, how certain this is, and on which patches.

python3 compare.py ../runs/A ../runs/B patches.h5
python3 classifier_cnn/compare.py runs/A/model_uint8.tflite runs/B theirs.onnx patches.h5 --threshold 0.8
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from classifier_cnn.options import MAX_FPR, check_limit
from common.cli.evaluation_options import threshold_value
from common.cli.program import run_main
from common.cli.quiet import quiet_stderr
from robot_export.comparison.options import compare_parser, divide


def main(argv: list[str] | None = None) -> None:
    """Parses the command line, checks it without opening a patch file, and compares the models."""
    parser = compare_parser((__doc__ or " ").splitlines()[0])
    text = "threshold for models that have none: a score of X or higher counts as a ball (default for .keras: 0.5)"
    parser.add_argument("--threshold", type=threshold_value, metavar="X", help=text)
    text = f"false positive rate at which the recall of all models is compared (default: {MAX_FPR})"
    parser.add_argument("--max-fpr", type=float, default=MAX_FPR, metavar="X", help=text)
    arguments = parser.parse_args(argv)
    check_limit(arguments.max_fpr, None)
    paths, files = divide(arguments.names)
    with quiet_stderr():
        from classifier_cnn.comparing import compare_models
    compare_models(arguments, paths, files)


if __name__ == "__main__":
    sys.exit(run_main(main))
