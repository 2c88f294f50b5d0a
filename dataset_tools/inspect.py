"""Describes patch files (counts, labels, brightness, warnings, pictures): `python3 dataset_tools/inspect.py`."""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli.program import Parser, output_folder, run_main

EPILOG = """\
Works with all files in the archive's format, including old ones. With several files, it also prints how many patches
they share; training and test files should share none.

Example:
  python3 dataset_tools/inspect.py data/classification/*/*_16x16_*_ball_no_ball_X_y.h5 --output-dir sheets
"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(
        prog="python3 dataset_tools/inspect.py",
        description="Describes patch files and draws one picture of each.",
        epilog=EPILOG,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="HDF5 patch files")
    parser.add_argument(
        "--output-dir",
        type=output_folder,
        default=Path(),
        metavar="DIR",
        help="folder for the pictures (default: the current folder)",
    )
    parser.add_argument(
        "--picture",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="draw a picture of each file (default: yes)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed for choosing the patches in the picture (default: 0)")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status: 0, or 2 if a file is not a patch file."""
    arguments = parse_args(argv)
    from dataset_tools.inspection.describe import describe_all  # imports NumPy, which --help does not need

    return describe_all(arguments.files, arguments.output_dir if arguments.picture else None, arguments.seed)


if __name__ == "__main__":
    sys.exit(run_main(main))
