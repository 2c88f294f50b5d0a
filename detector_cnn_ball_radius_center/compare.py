"""Compares detectors on the same patches: which is better, by how much, how certain this is, and on which patches.

python3 compare.py ../runs/A ../runs/B patches.h5
python3 detector_cnn_ball_radius_center/compare.py runs/A/model_uint8.tflite runs/B patches.h5
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli.program import run_main
from common.cli.quiet import quiet_stderr
from robot_export.comparison.options import compare_parser, divide


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and compares the models."""
    arguments = compare_parser((__doc__ or " ").splitlines()[0]).parse_args(argv)
    paths, files = divide(arguments.names)
    with quiet_stderr():
        from detector_cnn_ball_radius_center.comparing import compare_models
    compare_models(arguments, paths, files)


if __name__ == "__main__":
    sys.exit(run_main(main))
