"""The command line of `export.py` in all projects.

This module imports little, so that `--help` and error messages appear immediately.
"""

import argparse
import ctypes
import re
from pathlib import Path

from common.cli.find_run import default_output_dir, run_or_file
from common.cli.program import Parser, check_files, output_folder
from common.cli.training_options import INPUTS
from common.training.find_model import find_model
from robot_export.model_json import read_beside
from robot_export.robots import add_robot_options, check_all, file_kinds

# The keywords of C++23. The last line lists other names that the header or the compiler uses.
RESERVED = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class co_await
co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do
double dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable
namespace new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast
requires return short signed sizeof static static_assert static_cast struct switch template this thread_local throw
true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor xor_eq
ball errno linux main posix std unix
"""


def export_parser(description: str) -> Parser:
    """Makes the parser of `export.py MODEL [--calibration FILE... --validation FILE...]`; projects add more options."""
    parser = Parser(description=description)
    parser.add_argument("model", type=run_or_file, metavar="MODEL", help="a .keras file, or a run: its folder or name")
    for name, text in (
        ("calibration", "training patches (.h5) for the ranges of the quantised formats; never use test patches"),
        ("validation", "patches (.h5) on which every format is compared with Keras"),
    ):
        text += " (default: those recorded by the run)"
        parser.add_argument(f"--{name}", type=Path, nargs="+", metavar="FILE", help=text)
    text = "input of the TFLite and ONNX files (default: that of the run; without a run, raw)"
    parser.add_argument("--input", choices=INPUTS, help=text)
    add_robot_options(parser)
    text = "namespace of model.h (default: derived from the project, size and run)"
    parser.add_argument("--namespace", type=_namespace, metavar="NAME", help=text)
    text = "a new folder for the files (default: the run's folder; without a run, a new folder export-NAME in runs, or "
    text += "in BALL_OUTPUT_DIR if it is set)"
    # `dest` is not output_dir, because the parser would check its default; here the default depends on the model.
    parser.add_argument("--output-dir", type=output_folder, metavar="DIR", dest="export_dir", help=text)
    return parser


def check_arguments(arguments: argparse.Namespace, kind: str) -> argparse.Namespace:
    """Checks everything that can be checked without loading TensorFlow; returns the arguments.

    kind: the kind of model, "classifier" or "detector".

    Raises:
        UserError: a file is missing, the model is not a .keras file, the folder for the new files cannot be written, or
            a robot's code cannot load this model.
    """
    kinds = file_kinds(arguments.robot or (), kind, getattr(arguments, "detector", None) is not None)
    model = find_model(arguments.model)
    if kinds and (known := read_beside(model)):
        check_all(kinds, known.input.shape, known.input.sampling_rule, arguments.accept_sampling)
    if getattr(arguments, "detector", None) is not None:
        find_model(arguments.detector)
    for name in ("calibration", "validation"):
        check_files(getattr(arguments, name) or (), option=f"--{name}")
    if arguments.export_dir is None:
        beside = model.with_name("model.json")
        output_folder(beside.parent if beside.is_file() else default_output_dir())
    return arguments


def _namespace(text: str) -> str:
    """Checks a C++ namespace: it must be a valid name, and not a keyword or the name of a C library function."""
    if not re.fullmatch("[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", text):
        raise argparse.ArgumentTypeError(f"must consist of letters, digits and single underscores. Received: {text}.")
    c_library = ctypes.CDLL(None)  # model.h includes <cmath> and <cstring>
    if text in RESERVED.split() or text.endswith("_t") or hasattr(c_library, text):
        raise argparse.ArgumentTypeError(f"{text} is reserved in C++. Choose another name, such as ball_classifier.")
    return text
