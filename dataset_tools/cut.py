"""Cuts patches out of annotated pictures and logs: the command `python3 dataset_tools/cut.py`."""

import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli.program import run_main
from dataset_tools.cutting.options import parse_args


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    settings = parse_args(argv)
    from dataset_tools.cutting.cut_pictures import cut

    cut(settings)
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
