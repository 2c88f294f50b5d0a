"""Trains the classifier: does a patch show a ball?

python3 train.py --filters 8 --dense 32
python3 classifier_cnn/train.py --dataset synthetic --tracking local
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from classifier_cnn.options import PROJECT, Options, parse_args
from common.cli import launch
from common.cli.program import run_main
from common.cli.quiet import quiet_stderr
from common.cli.terminal import outlasting_terminal

__all__ = ["PROJECT", "Options", "load_data", "main", "parse_args", "train"]  # what a grid needs


def main(argv: list[str] | None = None) -> int:
    """Parses the command line and trains; returns the exit status."""
    return train(parse_args(argv))


def load_data(options: Options):
    """Loads the patches of a run as common.datasets.load.Splits."""
    return _data().load_data(options)


@outlasting_terminal()
def train(options: Options) -> int:
    """Checks everything that does not need TensorFlow, then trains; see `classifier_cnn.training.train`.

    Returns:
        0, or 128 + the number of the signal that stopped the run.

    Raises:
        UserError: an option, a file or a server cannot be used, or the loss is not finite.
    """
    launch.switch_off()
    ready = _data().check_and_load(options)
    if ready is None:
        return 0
    with quiet_stderr():
        from classifier_cnn import training

    return training.train(options, *ready)


def _data():
    """Imports the data module late, because it loads NumPy and HDF5, which `--help` and error messages do not need."""
    from classifier_cnn import data

    return data


if __name__ == "__main__":
    sys.exit(run_main(main))
