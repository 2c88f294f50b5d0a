"""Defines the command line of `suspects.py`; both projects use it."""

import argparse
from pathlib import Path

from common.cli.evaluation_options import RESULTS
from common.cli.program import Parser, check_files, output_folder
from common.cli.training_options import TrainingOptions
from common.errors import UserError


def parse(
    description: str, kind: type[TrainingOptions], argv: list[str] | None
) -> tuple[argparse.Namespace, TrainingOptions]:
    """Reads the command line of `suspects.py FILE...`; returns its arguments and the options for training each network.

    Raises:
        UserError: a value is out of range, or a file does not exist.
    """
    parser, defaults = Parser(description=description), kind()
    add, shown = parser.add_argument, " ".join(map(str, defaults.filters))
    add("files", type=Path, nargs="+", metavar="FILE", help="patch files (.h5) with recording names; all are joined")
    text = "number of networks, each trained without some of the recordings (default: %(default)s)"
    add("--folds", type=int, default=5, metavar="N", help=text)
    add(
        "--filters",
        type=int,
        nargs="+",
        default=defaults.filters,
        metavar="N",
        help=f"filters per convolution: one number, or four numbers (default: {shown})",
    )
    add(
        "--dense", type=int, default=defaults.dense, metavar="N", help="units in the dense layer (default: %(default)s)"
    )
    add("--epochs", type=int, metavar="N", help="epochs for each network (default: as in train.py)")
    add("--seed", type=int, default=0, metavar="N", help="seed for networks and folds (default: %(default)s)")
    add("--threads", type=int, default=1, metavar="N", help="number of CPU threads (default: %(default)s)")
    add("--output-dir", type=output_folder, metavar="DIR", help=RESULTS.format("suspects-FILE"))
    arguments = parser.parse_args(argv)
    check_files(arguments.files)
    if not 2 <= arguments.folds <= 100:
        raise UserError(f"--folds must be a whole number from 2 to 100. Received: {arguments.folds}.")
    names = ("dense", "epochs", "seed", "threads")
    return arguments, kind(tuple(arguments.filters), **{name: getattr(arguments, name) for name in names})
