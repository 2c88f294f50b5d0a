"""The command line of `export.py` in all projects; light, so that `--help` and a typo answer at once."""

import argparse
import re
from pathlib import Path

from common.cli import program
from common.cli.find_run import run_or_file
from common.cli.program import Parser
from common.cli.training_options import INPUTS
from common.training.find_model import find_model
from robot_export.robots import add_robot_options


def export_parser(description: str) -> Parser:
    """A parser for `export.py MODEL [--calibration FILE... --validation FILE...]`; the project adds its own options."""
    parser = Parser(description=description)
    parser.add_argument("model", type=run_or_file, metavar="MODEL", help="a .keras file, or a run: its folder or name")
    for name, text in (
        ("calibration", "training patches (.h5) for the ranges of the quantised formats; never use test patches"),
        ("validation", "patches (.h5) on which every format is compared with Keras"),
    ):
        text += " (default: those recorded by the run)"
        parser.add_argument(f"--{name}", type=Path, nargs="+", metavar="FILE", help=text)
    text = "input of the TFLite and ONNX files (default: like the run, else raw)"
    parser.add_argument("--input", choices=INPUTS, help=text)
    add_robot_options(parser)
    text = "namespace of model.h (default: from project, size and run)"
    parser.add_argument("--namespace", type=_namespace, metavar="NAME", help=text)
    text = "a new folder for the files (default: the run's folder, else a new export-NAME in the output folder)"
    parser.add_argument("--output-dir", type=Path, help=text)
    return parser


def check_files(arguments: argparse.Namespace) -> argparse.Namespace:
    """Refuses missing files, and a model that is not a .keras file, before TensorFlow loads; returns the arguments."""
    for path in (arguments.model, getattr(arguments, "detector", None)):
        if path is not None:
            find_model(path)
    for name in ("calibration", "validation"):
        program.check_files(getattr(arguments, name) or (), option=f"--{name}")
    return arguments


def _namespace(text: str) -> str:
    """A name that is valid as a C++ namespace."""
    if not re.fullmatch("[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", text):
        raise argparse.ArgumentTypeError(f"must consist of letters, digits and single underscores. Received: {text}.")
    return text
