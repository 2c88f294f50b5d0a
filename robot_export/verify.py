"""Checks on any machine that the files of a model are what its contract says: python3 robot_export/verify.py FOLDER

Schema of model.json, sha256 of every file, and the eight test vectors through every runtime that is installed here.
The folder may come from anybody: of its files, only data is loaded. Headers are code, so one is compiled only if it is,
byte for byte, what this version makes of model.keras.
Ends with status 0 when nothing was found wrong, else 2. A file that was not run is reported, and an error with --all.
"""

import argparse
import hashlib
import math
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":  # from any folder and by any Python: with the modules and packages of this repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.atomic_files import read_inside
from common.cli.program import Parser, run_main
from common.cli.quiet import quiet_stderr
from common.errors import UserError

MOST_BYTES = 1 << 30  # of one file


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The arguments."""
    parser = Parser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a run's folder, with model.json and its files")
    parser.add_argument("--all", action="store_true", help="a file that is not run here is an error")
    parser.add_argument(
        "--run-foreign-code",
        action="store_true",
        help="compile and run headers that this version does not make of model.keras: code of whoever sent them",
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Checks and prints one line per form.

    Raises:
        UserError: something does not hold; the line names every form and why.
    """
    arguments = parse_args(argv)
    from common.cli.launch import switch_off
    from robot_export import model_json

    switch_off()
    told = model_json.read(arguments.folder)
    with quiet_stderr():
        from robot_export import runtimes  # noqa: F401 - TensorFlow, without its log lines
    failed, missing = [], []
    for name, entry in told["forms"].items():
        try:
            line = verify_form(arguments.folder, told, name, arguments.run_foreign_code)
        except (UserError, ArithmeticError, LookupError, TypeError, ValueError) as error:  # an edited model.json
            line = str(error)
            failed.append(f"{name}: {line}")
        if line.startswith("not run"):
            missing.append(f"{name}: {line}")
        unfit = "" if entry["fit"] is not False else f"; rejected: {'; '.join(entry['unfit'])}"
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


def verify_form(folder: Path, told: dict, name: str, foreign_code: bool = False) -> str:
    """Checks one form.

    Args:
        foreign_code: compile and run a header that this version does not make of model.keras.

    Returns:
        What was found, in words; it starts with "not run" if the file was not run here.

    Raises:
        UserError: the file is missing or another one, or it does not answer as the contract says.
    """
    entry = told["forms"][name]
    try:
        content = read_inside(folder, entry["file"], MOST_BYTES)
    except OSError as error:
        raise UserError(f"{entry['file']} cannot be read ({error.strerror or error})") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != entry["sha256"]:
        raise UserError(f"{entry['file']} is not the file that was exported (sha256 {digest[:12]}...)")
    from robot_export import runtimes

    if name not in told["vectors"]["expected"]:
        raise UserError(f"{entry['file']} has no test vectors")
    if why := runtimes.missing(entry["runtime"]):
        return f"not run: {why}; the file is the one that was exported"
    if entry["runtime"] == "C++" and not foreign_code and (why := _why_foreign(folder, told, name, content)):
        return f"not run: it is code, and {why} (--run-foreign-code compiles and runs it)"
    with tempfile.TemporaryDirectory(prefix="verify-") as own:  # what was checked, alone: nobody can replace it
        file = Path(own) / entry["file"]
        file.write_bytes(content)
        return f"the file that was exported; test vectors within {_vectors(file, told, name):.2g}"


def _why_foreign(folder: Path, told: dict, name: str, content: bytes) -> str:
    """Why a header is not known to be ours; "" if it is what this version makes of model.keras and model.json."""
    import numpy as np

    from common.training import keras_file
    from robot_export import model_json
    from robot_export.cpp import header, int16_header, int16_quantise
    from robot_export.folding import fold

    try:
        with tempfile.TemporaryDirectory(prefix="verify-") as own:
            model = Path(own) / "model.keras"
            model.write_bytes(read_inside(folder, model.name, MOST_BYTES))
            network = fold(keras_file.load(model))
        entry, patches, facts = told["forms"][name], _patches(told), model_json.facts(told)
        threshold = told.get("threshold", {}).get(name)
        if "ranges" in entry:
            header.check(network)
            whole = int16_quantise.quantise(network, entry["ranges"])
            made = int16_header.header(network, whole, entry["namespace"], patches, threshold, facts)
        else:
            expected = np.array(told["vectors"]["expected"]["keras"], np.float32)
            made = header.header(network, entry["namespace"], patches, expected, threshold, facts)
    except (UserError, OSError, ValueError, KeyError, TypeError) as error:
        return f"no header can be made of model.keras to compare it with: {error}"
    return "" if made.encode() == content else "it is not what this version makes of model.keras"


def _patches(told: dict):
    """The test vectors, uint8 [8, height, width, channels]."""
    import numpy as np

    size = tuple(told["input"][side] for side in ("height", "width", "channels"))
    if any(len(patch) != math.prod(size) for patch in told["vectors"]["patches"]):
        raise UserError(f"the test vectors are no patches of {'x'.join(map(str, size))}")
    return np.array(told["vectors"]["patches"], np.uint8).reshape(-1, *size)


def _vectors(file: Path, told: dict, name: str) -> float:
    """The largest difference between what a file answers here and what the contract says it answers."""
    import numpy as np

    from robot_export import runtimes
    from robot_export.layout import Layout

    entry, X = told["forms"][name], _patches(told)
    wanted = np.array(told["vectors"]["expected"][name], np.float64)
    opened = runtimes.open_file(file, entry["runtime"])
    try:
        found = opened.predict(Layout.of(entry, told).feed(X))
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
