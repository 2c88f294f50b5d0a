"""Defines the command line of `compare.py`, which is nearly the same in every project."""

from pathlib import Path

from common.cli.evaluation_options import RESULTS
from common.cli.find_run import run_or_file
from common.cli.printable import printable
from common.cli.program import Parser, check_files, output_folder
from common.errors import UserError
from robot_export.foreign_options import add_foreign_options, check_models, is_exported

PATCH_FILES = (".h5", ".hdf5")


def compare_parser(description: str) -> Parser:
    """Creates the argument parser of `compare.py`, to which a project may add its own options."""
    parser = Parser(description=description)
    text = "two or more models (a run's folder, or a model file in it), then the patch files (.h5) to compare them on"
    parser.add_argument("names", type=run_or_file, nargs="+", metavar="MODEL|FILE", help=text)
    parser.add_argument("--output-dir", type=output_folder, metavar="DIR", help=RESULTS.format("comparison-A-B"))
    add_foreign_options(parser)
    return parser


def divide(names: list[Path]) -> tuple[list[Path], list[Path]]:
    """Divides the arguments into models and patch files, and checks that they exist.

    Raises:
        UserError: fewer than 2 or more than 26 models, no patch file, or a path that does not exist or is given twice.
    """
    exported = {path for path in names if is_exported(path)}
    files = [path for path in names if path.suffix.lower() in PATCH_FILES and path not in exported]
    models = [path for path in names if path not in files]
    if not (files and 2 <= len(models) <= 26):  # the models are named A to Z
        shown = " ".join(map(printable, names))
        raise UserError(f"a comparison needs 2 to 26 models, then patch files (.h5). Received: {shown}.")
    check_files(files)
    check_models(models)
    return models, files
