"""Compares classifiers on the same patches: which is better, by how much, how sure that is, and on which patches.

python3 compare.py ../runs/A ../runs/B patches.h5
python3 classifier_cnn/compare.py runs/A runs/B         on the validation patches that both recorded
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # from any folder and by any Python: with the modules and packages of this repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from classifier_cnn.options import MAX_FPR, Options, check_limit
from common.cli import launch
from common.cli.program import run_main
from common.cli.quiet import quiet_stderr
from robot_export.compare_command import compare_parser, divide, open_models, read_patches

TASK = "classification"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The arguments, checked as far as the files' names allow."""
    parser = compare_parser((__doc__ or " ").splitlines()[0])
    text = "a score at or above it is a ball, for the models that ship no threshold (default for .keras: 0.5)"
    parser.add_argument("--threshold", type=float, metavar="X", help=text)
    text = f"the false positive rate at which recall decides, reached by every model alike (default: {MAX_FPR})"
    parser.add_argument("--max-fpr", type=float, default=MAX_FPR, metavar="X", help=text)
    arguments = parser.parse_args(argv)
    if arguments.threshold is not None and not 0 <= arguments.threshold < 2:
        parser.error(f"--threshold lies in [0, 2). Received: {arguments.threshold}")
    check_limit(arguments.max_fpr, None)
    return arguments


def main(argv: list[str] | None = None) -> None:
    """Reads, scores, compares and prints."""
    arguments = parse_args(argv)
    launch.switch_off()
    paths, files = divide(arguments.names)
    from classifier_cnn.data import load_data

    patches = read_patches(paths, files, TASK, Options, load_data)
    with quiet_stderr():
        from robot_export.comparison import compare
    compare(subject(arguments.max_fpr), open_models(paths, arguments, 1, patches), patches, arguments.output_dir)


def subject(max_fpr: float = MAX_FPR):
    """How classifiers are compared, a robot_export.comparison.Subject.

    Args:
        max_fpr: the false positive rate at which recall decides.
    """
    import numpy as np

    from classifier_cnn import metrics, plots
    from common.runs.plots import percent
    from robot_export.comparison import Measure, Subject

    limits = sorted({max_fpr, *metrics.FPR_LIMITS}, key=lambda limit: (limit != max_fpr, -limit))
    rate = {"scale": 100, "unit": " %"}
    measures = (
        *(Measure(f"recall at {percent(limit)} false positives", 1, **rate, digits=1) for limit in limits),
        Measure("AUROC", 1, digits=4),
        Measure("recall at its own threshold", 1, **rate, digits=1),
        Measure("false positive rate at its own", -1, **rate, digits=2),
    )

    def errors(y, answers, threshold):
        balls, found = y == 1, answers[:, 0] >= np.float32(threshold)
        return {"missed": balls & ~found, "false": ~balls & found}

    return Subject(
        ("score",),
        measures,
        lambda y, answers, threshold: metrics.of_drawn_patches(y, answers[:, 0], threshold, limits),
        errors,
        lambda y, answers: -np.abs(y - answers[:, 0]),
        plots.changed,
        lambda y: {},
    )


if __name__ == "__main__":
    sys.exit(run_main(main))
