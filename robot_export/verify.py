"""Checks on any machine that a model's files are what its model.json says: python3 robot_export/verify.py FOLDER

Checks model.json against its schema, the sha256 of every file, and the eight test vectors through every runtime that is
installed here. The folder may come from anybody: only data is loaded, in a child process with a limit of time and
memory. Headers are code: one is compiled only if it is, byte for byte, what this version makes of model.keras.
Ends with status 0 if nothing is wrong, else 2. A file that was not run is reported; with --all it is an error.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":  # from any folder and by any Python: with the modules and packages of this repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli import launch
from common.cli.program import Parser, run_main
from common.errors import UserError
from robot_export import model_json
from robot_export.isolated_runtime import SECONDS, START_SECONDS, Child, Ended, file_checks
from robot_export.model_json import Manifest


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The arguments."""
    parser = Parser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a run's folder, with model.json and its files")
    parser.add_argument("--all", action="store_true", help="a file that is not run here is an error")
    parser.add_argument(
        "--run-foreign-code",
        action="store_true",
        help="compile and run headers that this version does not make of model.keras; trust whoever sent them",
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Checks and prints one line per file.

    Raises:
        UserError: something is wrong; the line names every file and why.
    """
    arguments = parse_args(argv)
    launch.switch_off()
    manifest = model_json.read(arguments.folder)
    failed, skipped = [], []
    for name, line, right in verify(arguments.folder, manifest, arguments.run_foreign_code):
        file = manifest.formats[name]
        if not right:
            failed.append(f"{name}: {line}")
        elif line.startswith("not run"):
            skipped.append(f"{name}: {line}")
        rejected = "" if file.accepted is not False else f"; rejected: {'; '.join(file.reasons)}"
        print(f"{name:8} {file.file:22} {line}{rejected}", flush=True)
    if arguments.all:
        failed += skipped
    if failed:
        raise UserError(f"{arguments.folder} is not what its model.json says: {'; '.join(failed)}")
    count = len(manifest.formats)
    rest = ", the others were not run" if skipped else ""
    print(f"{arguments.folder}: {count - len(skipped)} of {count} files checked here{rest}")


def verify(folder: Path, manifest: Manifest, foreign_code: bool = False) -> Iterator[tuple[str, str, bool]]:
    """Checks the files one by one; a file that crashes or hangs its runtime does not stop the check of the others.

    Args:
        foreign_code: compile and run a header that this version does not make of model.keras.

    Yields:
        Name of the format; what was found, in words ("not run ..." if it was not run here); whether it is right.
    """
    child, wrong = None, {}
    with tempfile.TemporaryDirectory(prefix="verify-") as own:  # what was checked, alone: nobody can replace it
        for name, file in manifest.formats.items():
            try:
                (Path(own) / file.file).write_bytes(model_json.read_unchanged(folder, file))
            except UserError as error:
                wrong[name] = str(error)
        model_json.write(Path(own), manifest)
        for name, file in manifest.formats.items():
            if name in wrong:
                yield name, wrong[name], False
                continue
            try:
                if child is None:
                    child = Child(file_checks, Path(own), foreign_code)
                    child.receive(START_SECONDS)
                child.send(name)
                yield name, child.receive(SECONDS), True
            except Ended as how:
                child = None
                yield name, f"{file.file}: {file.runtime} {how}", False
            except UserError as error:
                yield name, str(error), False


if __name__ == "__main__":
    sys.exit(run_main(main))
