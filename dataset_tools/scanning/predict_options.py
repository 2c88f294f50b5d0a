"""The command line of `predict.py`, which finds balls in pictures, in all projects."""

import argparse
import os
from pathlib import Path

from common.cli.evaluation_options import threshold_value
from common.cli.find_run import run_or_file
from common.cli.program import Parser, check_files
from common.errors import UserError

RADIUS = (6.0, 90.0)  # pixels, for balls in pictures of 640x480
SCALE = 1.3  # side of a candidate in diameters, in the middle of the scales for cutting patches
CANDIDATES = 100
PICTURES = 200


def add_scan_options(parser: Parser, candidates: int = CANDIDATES) -> None:
    """Adds the options for searching pictures."""
    add = parser.add_argument_group("candidates").add_argument
    text = "smallest and largest radius of a ball in pixels (default: %(default)s)"
    add("--radius", type=float, nargs=2, default=RADIUS, metavar=("MIN", "MAX"), help=text)
    add("--scale", type=float, default=SCALE, metavar="F", help="side of a patch in diameters (default: %(default)s)")
    add("--candidates", type=int, default=candidates, metavar="N", help="maximum per picture (default: %(default)s)")
    text = "pixels by which patches are larger than candidates (default: like the model's training patches)"
    add("--border", type=int, metavar="N", help=text)
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="reading processes (default: %(default)s)")


def check_scan_options(arguments: argparse.Namespace) -> None:
    """Refuses impossible values for a search.

    Raises:
        UserError: a value is out of range.
    """
    low, high = arguments.radius
    if not 2 <= low <= high <= 2000:
        raise UserError(f"--radius needs two numbers of pixels from 2 to 2000, smaller first. Received: {low} {high}.")
    for name, value, least, most in (
        ("scale", arguments.scale, 0.5, 5),
        ("candidates", arguments.candidates, 1, 10_000),
        ("border", arguments.border or 0, 0, 100),
        ("jobs", arguments.jobs, 1, 256),
    ):
        if not least <= value <= most:
            raise UserError(f"--{name} must be from {least} to {most}. Received: {value}.")


def prediction_parser(description: str) -> Parser:
    """A parser for `predict.py MODEL SOURCE...`; the project adds its own options."""
    parser = Parser(description=description)
    add = parser.add_argument
    add("model", type=run_or_file, metavar="MODEL", help="a run (its folder or name), a .keras, .tflite or .onnx file")
    add(
        "sources", type=Path, nargs="+", metavar="SOURCE", help="pictures, folders, zips, NaoTH logs, patch files (.h5)"
    )
    text = "a score at or above it is a ball (default: the classifier's own threshold)"
    add("--threshold", type=threshold_value, metavar="X", help=text)
    text = "folder for the results (default: a new predict-NAME in the output folder, with a number if it exists)"
    add("--output-dir", type=Path, metavar="DIR", help=text)
    text = "maximum number of pictures to draw, evenly spread over all (default: %(default)s)"
    add("--max-pictures", type=int, default=PICTURES, metavar="N", help=text)
    text = "also write the drawn pictures as Label Studio tasks, with the detected balls as predictions"
    add("--label-studio", action=argparse.BooleanOptionalAction, default=False, help=text)
    add_scan_options(parser)
    return parser


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuses impossible numbers and missing sources, before anything large is imported.

    Raises:
        UserError: there is one of these.
    """
    check_scan_options(arguments)
    if arguments.max_pictures < 0:
        raise UserError(f"--max-pictures must be at least 0. Received: {arguments.max_pictures}.")
    check_files(arguments.sources, "file or folder")
