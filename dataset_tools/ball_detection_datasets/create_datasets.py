"""Builds the ball radius and centre patch datasets; `--help` tells how."""

import sys

from common.cli import run_main
from dataset_tools.command import create


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return create("detection", argv)


if __name__ == "__main__":
    sys.exit(run_main(main))
