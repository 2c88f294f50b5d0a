"""Defines the command line of `evaluate.py` in every project."""

import argparse
from contextlib import suppress
from pathlib import Path

from common.cli.find_run import run_or_file
from common.cli.program import Parser, output_folder

RESULTS = "folder for the results (default: a new folder {} in runs, or in BALL_OUTPUT_DIR if it is set)"


def evaluation_parser(description: str) -> Parser:
    """Makes a parser for `evaluate.py MODEL FILE... [--output-dir DIR]`; the project adds its own options."""
    parser = Parser(description=description)
    parser.add_argument("model", type=run_or_file, metavar="MODEL", help="a .keras file, or a run: its folder or name")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="patch files (.h5), scored together")
    parser.add_argument("--output-dir", type=output_folder, metavar="DIR", help=RESULTS.format("evaluation-NAME"))
    return parser


def threshold_value(text: str) -> float:
    """Converts the value of --threshold for argparse; with a value above 1, no patch counts as a ball."""
    with suppress(ValueError):
        if 0 <= float(text) < 2:
            return float(text)
    raise argparse.ArgumentTypeError(f"takes a number of at least 0 and below 2. Received: {text}")
