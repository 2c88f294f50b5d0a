"""Prints a description of each patch file."""

import os
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from common.cli import launch
from common.cli.printable import LIMIT, printable
from common.cli.progress import progress_bar
from common.datasets.patch_file import task_of
from common.errors import UserError
from dataset_tools.inspection import sheet
from dataset_tools.inspection.file_statistics import Statistics, gather, group_table, shared, warnings

ATTRIBUTE_LIMIT = 2000  # maximum number of characters shown per attribute
HDF5 = (".h5", ".hdf5")
PICTURES = (".jpg", ".jpeg", ".png")  # for a picture, the suggested cut.py command names its folder
ANNOTATIONS = (".json", ".yaml", ".yml", ".xml", ".log")  # suffixes of annotations and logs
ROWS_MAX = 15  # maximum number of groups shown in a table


def describe_all(files: Sequence[Path], folder: Path | None, seed: int) -> int:
    """Prints the contents of each file, and which files share patches.

    Args:
        files: patch files; for any other file, an error is printed on stderr.
        folder: folder for the pictures; if None, no pictures are drawn.
        seed: seed for choosing the patches that the pictures show.

    Returns:
        Exit status: 0, or 2 if a file could not be read.

    Raises:
        UserError: a picture cannot be written.
    """
    described, status = [], 0
    for path in progress_bar(files, unit=" files", disable=len(files) < 2):
        try:
            found = gather(path, task_of(path))
        except UserError as error:
            print(f"error: {printable(_with_next_step(path, str(error)))}", file=sys.stderr)
            status = 2
            continue
        described.append(found)
        print(describe(found))
        if folder is not None:
            picture = folder / f"{_name(path, files)}_sheet.png"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                sheet.draw(found, picture, seed)
            except OSError as error:
                raise UserError(f"{picture}: cannot be written: {error.strerror or error}.") from None
            print(f"  picture: {printable(picture)}")
    for one, other in combinations(described, 2):
        number = shared(one, other) if one.shape[1:] == other.shape[1:] else 0
        if number:
            names = printable(other.path.name), printable(one.path.name)
            print(f"warning: {number} of {len(other.y)} patches of {names[0]} are also in {names[1]}")
    return status


def _with_next_step(path: Path, error: str) -> str:
    """Adds the next step to an error, such as the command that makes patch files from the path."""
    is_there = os.path.exists(path)  # noqa: PTH110 - also False for a name that is too long
    ending, is_other = path.suffix.lower(), "Not a patch file" in error
    if not is_other and (not is_there or ending in HDF5 or any(path.glob("*.h5"))):
        return error
    what = error if is_other else f"{path}: not an HDF5 patch file."
    if ending == ".zip" or any(path.glob("*/*.zip")):
        root = launch.shortest(path if path.is_dir() else path.absolute().parents[1])
        words = ("--naoth", root, "--origins", "naoth", "--output-dir", "datasets")
        script = "dataset_tools/ball_classification_datasets/create_datasets.py"
        return f"{what} Build patch files from the archives: {launch.command(script, *words)}"
    if not is_other and path.is_file() and ending not in (*PICTURES, *ANNOTATIONS):
        return f"{what} Give the path of an .h5 file."
    source = launch.shortest(path.absolute().parent if ending in PICTURES else path)
    return f"{what} Cut patches first: {launch.command('dataset_tools/cut.py', source, '--output', 'patches')}"


def _name(path: Path, files: list[Path]) -> str:
    """Name of a file's picture; it includes the folder's name if several files have the same name."""
    return path.stem if [file.stem for file in files].count(path.stem) == 1 else f"{path.parent.name}_{path.stem}"


def describe(found: Statistics) -> str:
    """Describes a file in text."""
    count, balls = len(found.y), int(found.balls.sum())
    shape = "x".join(str(size) for size in found.shape[1:])
    lines = [printable(found.path), f"  {found.task}, {count} patches {shape}: {balls} balls, {count - balls} without"]
    if found.task == "detection":
        for name, values in zip(("radius", "center_x", "center_y"), found.y.T, strict=True):
            numbers = f"mean {values.mean():.3f}, std {values.std():.3f}, {values.min():.3f} to {values.max():.3f}"
            lines.append(f"  {name:9} {numbers}")
    lines.append(f"  brightness mean {found.brightness.mean():.1f}, contrast {found.contrast.mean():.1f} grey levels")
    for key in found.groups:
        rows = group_table(found, key)
        lines.append(f"  {key:16} {'patches':>8} {'balls':>8} {'brightness':>11}")
        for name, patches, ball, brightness in rows[:ROWS_MAX]:
            lines.append(f"    {printable(name, LIMIT) or '(none)':14} {patches:8} {ball:8} {brightness:11.1f}")
        if len(rows) > ROWS_MAX:
            lines.append(f"    and {len(rows) - ROWS_MAX} more")
    lines += [f"  {key}: {printable(value, ATTRIBUTE_LIMIT)}" for key, value in sorted(found.attributes.items())]
    lines += [f"  warning: {printable(warning)}" for warning in warnings(found)]
    return "\n".join(lines)
