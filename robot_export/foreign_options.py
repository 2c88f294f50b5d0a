"""Adds the options that describe a file without a model.json: its input and the meaning of its outputs."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from common.cli.program import check_files
from common.datasets.sampling_rules import RULES
from common.training.find_model import find_model
from robot_export.layout import PIXELS, TERMS, Layout
from robot_export.model_json import find_entry

RUNTIMES = {".tflite": "LiteRT", ".onnx": "ONNX Runtime"}


@dataclass(frozen=True)
class Foreign:
    """Describes a file without a model.json (see `add_foreign_options`); the dtype is read from the file."""

    layout: Layout = field(default_factory=Layout)
    sampling: str = "centres"


def is_exported(path: Path) -> bool:
    """Returns whether this is an exported file: TFLite, ONNX, or a .h or .h5 file that the model.json beside it lists.

    Raises:
        UserError: the model.json lists this file, but is damaged.
    """
    suffix = path.suffix.lower()
    return suffix in RUNTIMES or (suffix in (".h", ".h5") and path.is_file() and find_entry(path) is not None)


def check_models(paths: Iterable[Path]) -> None:
    """Refuses models that are missing, damaged or given twice, before large packages are imported.

    Args:
        paths: folders of runs, .keras files and exported files.

    Raises:
        UserError: a model cannot be used; the message says which model and why.
    """
    check_files([path if is_exported(path) else find_model(path) for path in paths])


def add_foreign_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options for the input and output of somebody else's TFLite or ONNX file."""
    add = parser.add_argument_group("model files without a model.json").add_argument
    text = "factor F: the input of the model is Y * F + OFFSET (default: 1, raw values)"
    add("--input-scale", type=float, default=1.0, metavar="F", help=text)
    add(
        "--input-offset",
        type=float,
        nargs="+",
        default=[0.0],
        metavar="OFFSET",
        help="summand OFFSET, one number per channel (default: 0)",
    )
    add("--input-columns", action="store_true", help="the model reads its input column by column (transposed)")
    names = [term + unit for unit in ("", PIXELS) for term in TERMS]
    text = f"meaning of each output in order: {', '.join(TERMS)} ('2 radius': the diameter; 0: an unused output); with "
    text += "' px' for values in pixels, such as 'radius px' (default: guessed from the number of outputs)"
    add("--outputs", nargs="+", choices=names, metavar="NAME", help=text)
    text = "how the patches of the model are subsampled (default: %(default)s)"
    add("--sampling", choices=tuple(RULES), default="centres", help=text)


def foreign(arguments: argparse.Namespace) -> Foreign:
    """Reads the options of `add_foreign_options`."""
    outputs = arguments.outputs and tuple(arguments.outputs)
    offset, columns = tuple(arguments.input_offset), arguments.input_columns
    return Foreign(Layout(arguments.input_scale, offset, columns=columns, outputs=outputs), arguments.sampling)
