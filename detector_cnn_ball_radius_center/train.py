"""Trains the detector: where in the patch is the ball, and how large?

python train.py --loss huber
python -m detector_cnn_ball_radius_center.train --dataset synthetic --tracking local
"""

import importlib.util
import os
import sys
from pathlib import Path

_VENV = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"
if __name__ == "__main__" and importlib.util.find_spec("keras") is None and _VENV.exists():
    os.execv(_VENV, [str(_VENV), *sys.argv])  # noqa: S606  no environment is active: use the repository's

from common.cli import launch  # noqa: E402
from common.cli.program import run_main  # noqa: E402
from common.cli.quiet import quiet_stderr  # noqa: E402
from common.cli.terminal import outlasting_terminal  # noqa: E402
from detector_cnn_ball_radius_center.options import PROJECT, Options, parse_args  # noqa: E402

__all__ = ["PROJECT", "Options", "load_data", "main", "parse_args", "train"]  # what a grid asks of the module


def main(argv: list[str] | None = None) -> int:
    """Parses the command line and trains; returns the exit status."""
    return train(parse_args(argv))


def load_data(options: Options):
    """The patches of a run, a common.datasets.load.Splits."""
    from detector_cnn_ball_radius_center import data

    return data.load_data(options)


@outlasting_terminal()
def train(options: Options) -> int:
    """Checks what can be checked without TensorFlow, then trains; see `detector_cnn_ball_radius_center.training.train`.

    Returns:
        0, or 128 + the number of the signal that stopped it.

    Raises:
        UserError: an option, a file or a server that cannot be used, or a loss that is not finite.
    """
    launch.switch_off()
    from common.runs.preflight import preflight

    ready = preflight(options, "detection", load_data)
    if ready is None:
        return 0
    with quiet_stderr():
        from detector_cnn_ball_radius_center import training

    return training.train(options, *ready)


if __name__ == "__main__":
    sys.exit(run_main(main))
