"""Exports a trained detector to all formats, compares them with the model, and writes model.json and its card.

python3 export.py ../runs/NAME                            uses the run's own patches
python3 export.py MODEL --calibration TRAIN.h5 --validation VALIDATION.h5
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli import launch
from common.cli.program import run_main
from common.cli.quiet import quiet_stderr
from robot_export.options import check_arguments, export_parser


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and exports the model."""
    arguments = check_arguments(export_parser((__doc__ or " ").splitlines()[0]).parse_args(argv), "detector")
    launch.switch_off()
    with quiet_stderr():
        from detector_cnn_ball_radius_center import exporting

    exporting.export(arguments)


if __name__ == "__main__":
    sys.exit(run_main(main))
