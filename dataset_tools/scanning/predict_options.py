"""Defines the command line of `predict.py`, which finds balls in pictures; both projects use it."""

import argparse
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from common.cli.evaluation_options import RESULTS, threshold_value
from common.cli.find_run import run_or_file
from common.cli.program import Parser, output_folder

RADIUS = (6.0, 90.0)  # pixels, for balls in pictures of 640x480
SCALE = 1.3  # side of a candidate in ball diameters: the middle of the scales used for cutting patches
CANDIDATES = 100
PICTURES = 200


def within(kind: type, low: float, high: float) -> Callable:
    """Returns a `type` for an argparse option that accepts an int or float from `low` to `high`."""

    def value(text: str):
        with suppress(ValueError):
            if low <= kind(text) <= high:
                return kind(text)
        what = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"takes {what} from {low:,} to {high:,}. Received: {text}")

    return value


def add_scan_options(parser: argparse.ArgumentParser, candidates: int = CANDIDATES) -> None:
    """Adds the options for searching pictures."""
    add, default = parser.add_argument_group("candidates").add_argument, "(default: %(default)s)"
    text, ends = f"smallest and largest radius of a ball in pixels {default}", ("MIN", "MAX")
    add("--radius", type=within(float, 2, 2000), nargs=2, default=RADIUS, metavar=ends, help=text)
    text = f"side of a candidate in ball diameters {default}"
    add("--scale", type=within(float, 0.5, 5), default=SCALE, metavar="F", help=text)
    text = f"maximum number of candidates per picture {default}"
    add("--candidates", type=within(int, 1, 10_000), default=candidates, metavar="N", help=text)
    text = "how far a patch extends beyond its candidate, in pixels (default: as in the model's training)"
    add("--border", type=within(int, 0, 100), metavar="N", help=text)
    text = f"number of processes that read pictures {default}"
    add("--jobs", type=within(int, 1, 256), default=os.cpu_count() or 1, metavar="N", help=text)


def prediction_parser(description: str) -> Parser:
    """Returns a parser for `predict.py MODEL SOURCE...`, to which the project adds its own options."""
    parser = Parser(description=description)
    add = parser.add_argument
    add("model", type=run_or_file, metavar="MODEL", help="a run (folder or name), or a .keras, .tflite or .onnx file")
    text = "pictures, folders, zips, NaoTH logs, patch files (.h5)"
    add("sources", type=Path, nargs="+", metavar="SOURCE", help=text)
    text = "scores at or above this count as balls (default: the classifier's own threshold)"
    add("--threshold", type=threshold_value, metavar="X", help=text)
    add("--output-dir", type=output_folder, metavar="DIR", help=RESULTS.format("predict-NAME"))
    text = "maximum number of pictures to draw, evenly spread over all pictures (default: %(default)s)"
    add("--max-pictures", type=within(int, 0, 1_000_000), default=PICTURES, metavar="N", help=text)
    text = "also write the drawn pictures as Label Studio tasks, with the detected balls as predictions"
    add("--label-studio", action=argparse.BooleanOptionalAction, default=False, help=text)
    add_scan_options(parser)
    return parser
