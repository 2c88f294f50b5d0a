"""Checks on any machine that the files of a model are what its contract says: python -m robot_export.verify FOLDER

Schema of model.json, sha256 of every file, and the eight test vectors through every runtime that is installed here.
Ends with status 0 when nothing was found wrong, else 2. A missing runtime is said, and an error with --all.
"""

import argparse
import math
import sys
from pathlib import Path

from common.cli.program import Parser, run_main
from common.errors import UserError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The arguments."""
    parser = Parser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a run's folder, with model.json and its files")
    parser.add_argument("--all", action="store_true", help="a form whose runtime is missing here is an error")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Checks and prints one line per form.

    Raises:
        UserError: something does not hold; the line names every form and why.
    """
    arguments = parse_args(argv)
    from common.cli.launch import switch_off
    from robot_export import contract

    switch_off()
    told = contract.read(arguments.folder)
    failed, missing = [], []
    for name, entry in told["forms"].items():
        try:
            line = verify_form(arguments.folder, told, name)
        except UserError as error:
            line = str(error)
            failed.append(f"{name}: {line}")
        if line.startswith("not run"):
            missing.append(f"{name}: {line}")
        unfit = "" if entry["fit"] is not False else f"; UNFIT: {'; '.join(entry['unfit'])}"
        print(f"{name:8} {entry['file']:22} {line}{unfit}")
    if arguments.all:
        failed += missing
    if failed:
        raise UserError(f"{arguments.folder} does not keep its contract: {'; '.join(failed)}")
    proven = len(told["forms"]) - len(missing)
    print(
        f"{arguments.folder}: {proven} of {len(told['forms'])} forms proven here"
        + (", the rest not run" * bool(missing))
    )


def verify_form(folder: Path, told: dict, name: str) -> str:
    """Checks one form.

    Returns:
        What was found, in words; it starts with "not run" where its runtime is missing here.

    Raises:
        UserError: the file is missing or another one, or it does not answer as the contract says.
    """
    import hashlib

    entry = told["forms"][name]
    try:
        digest = hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"{entry['file']} cannot be read ({error.strerror})") from None
    if digest != entry["sha256"]:
        raise UserError(f"{entry['file']} is not the file that was exported (sha256 {digest[:12]}...)")
    from robot_export import runtimes

    if name not in told["vectors"]["expected"]:
        raise UserError(f"{entry['file']} has no test vectors")
    if why := runtimes.missing(entry["runtime"]):
        return f"not run: {why}; the file is the one that was exported"
    return f"the file that was exported; test vectors within {_vectors(folder, told, name):.2g}"


def _vectors(folder: Path, told: dict, name: str) -> float:
    """The largest difference between what the file answers here and what the contract says it answers."""
    import numpy as np

    from robot_export import contract, runtimes

    entry = told["forms"][name]
    size = tuple(told["input"][side] for side in ("height", "width", "channels"))
    if any(len(patch) != math.prod(size) for patch in told["vectors"]["patches"]):
        raise UserError(f"the test vectors are no patches of {'x'.join(map(str, size))}")
    X = np.array(told["vectors"]["patches"], np.uint8).reshape(-1, *size)
    wanted = np.array(told["vectors"]["expected"][name], np.float64)
    opened = runtimes.open_file(folder / entry["file"], entry["runtime"])
    try:
        found = opened.predict(runtimes.feed(X, opened, *contract.scaling(told), entry["normalised"]))
        if opened.self_test:
            opened.self_test()
    except Exception as error:  # every runtime raises its own kinds: a file for other patches, for one
        raise UserError(f"{entry['file']} does not take the patches: {' '.join(str(error).split())[:200]}") from None
    if found.shape != wanted.shape:
        raise UserError(f"{entry['file']} gives {found.shape[1]} numbers per patch, not {wanted.shape[1]}")
    difference = np.abs(found - wanted).max(axis=1)
    if not difference.max() <= entry["tolerance"]:  # NaN is wrong, too
        worst = int(np.argmax(np.nan_to_num(difference, nan=np.inf)))
        raise UserError(
            f"{entry['file']} answers {found[worst].tolist()} to test vector {worst}, "
            f"the contract says {wanted[worst].tolist()} (allowed: {entry['tolerance']:g})"
        )
    return float(difference.max())


if __name__ == "__main__":
    sys.exit(run_main(main))
