"""What the command line says of a file that no model.json describes: how it is fed and what its outputs mean."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from common.datasets.sampling_rules import RULES
from common.errors import UserError
from robot_export.model_json import find_entry

RUNTIMES = {".tflite": "LiteRT", ".onnx": "ONNX Runtime"}
OUTPUTS = ("ball", "1 - ball", "logit", "radius", "2 radius", "x", "y", "0")  # see `layout.py`


@dataclass(frozen=True)
class Foreign:
    """What the command line says of files that no model.json describes: see `add_foreign_options`."""

    scale: float = 1.0
    offset: tuple[float, ...] = (0.0,)
    columns: bool = False
    outputs: tuple[str, ...] | None = None
    sampling: str = "centres"


def is_exported(path: Path) -> bool:
    """Whether this is an exported file: TFLite, ONNX, or a .h or .h5 file that the model.json beside it lists.

    Raises:
        UserError: that model.json lists it, but is damaged.
    """
    suffix = path.suffix.lower()
    return suffix in RUNTIMES or (suffix in (".h", ".h5") and path.is_file() and find_entry(path) is not None)


def add_foreign_options(parser: argparse.ArgumentParser) -> None:
    """Declares what a TFLite or ONNX file of somebody else is fed and answers."""
    group = parser.add_argument_group("files that no model.json describes")
    add = group.add_argument
    add("--input-scale", type=float, default=1.0, metavar="F", help="it is fed Y * F + OFFSET (default: 1, raw 0..255)")
    add("--input-offset", type=float, nargs="+", default=[0.0], metavar="OFFSET", help="per channel (default: 0)")
    add("--input-columns", action="store_true", help="it is fed column by column: transposed")
    text = (
        f"what it answers, in order: {', '.join(OUTPUTS)}, also with ' px'; 0 for what is not used (default: by number)"
    )
    add("--outputs", nargs="+", metavar="NAME", help=text)
    add("--sampling", choices=tuple(RULES), default="centres", help="how its patches are subsampled (%(default)s)")


def foreign(arguments: argparse.Namespace) -> Foreign:
    """The options of `add_foreign_options`.

    Raises:
        UserError: an output that is not known.
    """
    outputs = tuple(arguments.outputs) if arguments.outputs else None
    for output in outputs or ():
        if output.removesuffix(" px") not in OUTPUTS:
            raise UserError(f"--outputs names what a file answers. Received: {output}. Known: {', '.join(OUTPUTS)}.")
    return Foreign(
        arguments.input_scale, tuple(arguments.input_offset), arguments.input_columns, outputs, arguments.sampling
    )
