"""Scores a detector on patch files, with the same metrics and pictures as at the end of its run.

python3 evaluate.py MODEL FILE...
python3 detector_cnn_ball_radius_center/evaluate.py MODEL FILE...
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli.evaluation_options import evaluation_parser
from common.cli.program import check_files, run_main
from common.cli.quiet import quiet_stderr
from common.training.find_model import find_model


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and scores the detector."""
    arguments = evaluation_parser((__doc__ or " ").splitlines()[0]).parse_args(argv)
    model_file = find_model(arguments.model)
    check_files(arguments.files)
    with quiet_stderr():
        from detector_cnn_ball_radius_center.report import evaluate_saved
    evaluate_saved(arguments, model_file)


if __name__ == "__main__":
    sys.exit(run_main(main))
