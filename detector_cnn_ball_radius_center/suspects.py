"""Finds labels that are probably wrong, with networks that were not trained on the recording of the patch.

python3 suspects.py ../data/TRAIN.h5
python3 detector_cnn_ball_radius_center/suspects.py TRAIN.h5 VALIDATION.h5 --filters 4 --dense 32
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli.program import run_main
from common.cli.quiet import quiet_stderr
from dataset_tools.suspects.options import parse
from detector_cnn_ball_radius_center.options import Options


def main(argv: list[str] | None = None) -> None:
    """Parses the command line and judges the labels."""
    arguments, options = parse((__doc__ or " ").splitlines()[0], Options, argv)
    with quiet_stderr():
        from detector_cnn_ball_radius_center.find_suspects import find_suspects
    find_suspects(arguments, options)


if __name__ == "__main__":
    sys.exit(run_main(main))
