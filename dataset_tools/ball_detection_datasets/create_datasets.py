"""Builds the datasets of patches with the ball's radius and centre; see `--help`."""

import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from common.cli import launch

    launch.in_environment()

from common.cli.program import run_main
from dataset_tools.building.build_or_compare import create


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    return create("detection", argv)


if __name__ == "__main__":
    sys.exit(run_main(main))
