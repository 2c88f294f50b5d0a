"""Describes patch files: counts, labels, brightness, what is odd, and a picture; `python -m dataset_tools.inspect`."""

import argparse
import importlib.util
import os
import sys
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

_VENV = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"
if __name__ == "__main__" and importlib.util.find_spec("h5py") is None and _VENV.exists():
    os.execv(_VENV, [str(_VENV), "-m", "dataset_tools.inspect", *sys.argv[1:]])  # noqa: S606  as create_datasets.py does

from common.cli.printable import LIMIT, printable  # noqa: E402
from common.cli.program import Parser, run_main  # noqa: E402
from common.errors import UserError  # noqa: E402

if TYPE_CHECKING:
    from dataset_tools.inspection.file_statistics import Statistics

ATTRIBUTE_LIMIT = 2000  # characters of one attribute that are shown
ROWS_MAX = 15  # groups shown in a table
EPILOG = """\
Works on every file of the archive's format, old ones included. With several files it also tells how many patches they
share, which between training and test should be none.

Example:
  python -m dataset_tools.inspect data/classification/*/*_16x16_*_ball_no_ball_X_y.h5 --output-dir sheets
"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(
        prog="python -m dataset_tools.inspect",
        description="Describes patch files and draws one picture of each.",
        epilog=EPILOG,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="HDF5 patch files")
    parser.add_argument(
        "--output-dir", type=Path, default=Path(), metavar="DIR", help="of the pictures (default: here)"
    )
    parser.add_argument("--picture", action=argparse.BooleanOptionalAction, default=True, help="draw (default: yes)")
    parser.add_argument("--seed", type=int, default=0, help="of the patches in the picture (default: 0)")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status: 2 if a file is none of the format, after the others were described."""
    arguments = parse_args(argv)
    from common.cli.progress import progress_bar
    from common.datasets.patch_file import task_of
    from dataset_tools.inspection import file_statistics, sheet

    described, status = [], 0
    for path in progress_bar(arguments.files, unit=" files", disable=len(arguments.files) < 2):
        try:
            found = file_statistics.gather(path, task_of(path))
        except UserError as error:
            print(f"error: {printable(error)}", file=sys.stderr)
            status = 2
            continue
        described.append(found)
        print(describe(found))
        if arguments.picture:
            picture = arguments.output_dir / f"{_name(path, arguments.files)}_sheet.png"
            try:
                arguments.output_dir.mkdir(parents=True, exist_ok=True)
                sheet.draw(found, picture, arguments.seed)
            except OSError as error:
                raise UserError(f"{picture}: cannot be written: {error.strerror or error}.") from None
            print(f"  picture: {printable(picture)}")
    for one, other in combinations(described, 2):
        number = file_statistics.shared(one, other) if one.shape[1:] == other.shape[1:] else 0
        if number:
            names = printable(other.path.name), printable(one.path.name)
            print(f"warning: {number} of {len(other.y)} patches of {names[0]} are in {names[1]} too")
    return status


def _name(path: Path, files: list[Path]) -> str:
    """Of a file's picture; with the folder where files of two folders have one name."""
    return path.stem if [file.stem for file in files].count(path.stem) == 1 else f"{path.parent.name}_{path.stem}"


def describe(found: "Statistics") -> str:
    """Everything about a file that can be said in text."""
    from dataset_tools.inspection import file_statistics

    count, balls = len(found.y), int(found.balls.sum())
    shape = "x".join(str(size) for size in found.shape[1:])
    lines = [printable(found.path), f"  {found.task}, {count} patches {shape}: {balls} balls, {count - balls} without"]
    if found.task == "detection":
        for name, values in zip(("radius", "center_x", "center_y"), found.y.T, strict=True):
            numbers = f"mean {values.mean():.3f}, std {values.std():.3f}, {values.min():.3f} to {values.max():.3f}"
            lines.append(f"  {name:9} {numbers}")
    lines.append(f"  brightness mean {found.brightness.mean():.1f}, contrast {found.contrast.mean():.1f} gray levels")
    for key in found.groups:
        rows = file_statistics.group_table(found, key)
        lines.append(f"  {key:16} {'patches':>8} {'balls':>8} {'brightness':>11}")
        for name, patches, ball, brightness in rows[:ROWS_MAX]:
            lines.append(f"    {printable(name, LIMIT) or '(none)':14} {patches:8} {ball:8} {brightness:11.1f}")
        if len(rows) > ROWS_MAX:
            lines.append(f"    and {len(rows) - ROWS_MAX} more")
    lines += [f"  {key}: {printable(value, ATTRIBUTE_LIMIT)}" for key, value in sorted(found.attributes.items())]
    lines += [f"  warning: {printable(warning)}" for warning in file_statistics.warnings(found)]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run_main(main))
