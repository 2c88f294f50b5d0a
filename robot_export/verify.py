"""Checks on any machine whether a model's files match its model.json.

Checks model.json against its schema, checks the sha256 of every file, and runs the eight test vectors in every runtime
that is installed. The folder may be untrusted: only data is loaded, in a child process with limited time and memory.
Headers are code, so a header is compiled only if this program generates exactly the same header from model.keras.
The exit status is 0 if all checks passed, otherwise 2. A file that cannot be run on this machine is reported; it is
an error only with --all.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":  # so that this program can be started from any folder and with any Python
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
    """Parses the command line."""
    parser = Parser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a run's folder, with model.json and its files")
    parser.add_argument("--all", action="store_true", help="end with an error if a file cannot be run here")
    text = "also compile and run headers that this version does not generate itself; only if you trust the sender"
    parser.add_argument("--run-foreign-code", action="store_true", help=text)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Checks every file and prints a line about it; if a check fails, a UserError names the files and the reasons."""
    arguments = parse_args(argv)
    launch.switch_off()
    manifest = model_json.read(arguments.folder)
    failed, skipped = [], []
    for name, line, right in verify(arguments.folder, manifest, arguments.run_foreign_code):
        file = manifest.formats[name]
        if not right or line.startswith("not run"):
            (skipped if right else failed).append(f"{name}: {line}")
        rejected = "" if file.accepted is not False else f"; rejected: {'; '.join(file.reasons)}"
        print(f"{name:8} {file.file:22} {line}{rejected}", flush=True)
    if arguments.all:
        failed += skipped
    if failed:
        raise UserError(f"{arguments.folder} does not match its model.json: {'; '.join(failed)}")
    count = len(manifest.formats)
    rest = "; the others were not run" if skipped else ""
    print(f"{arguments.folder}: {count - len(skipped)} of {count} files checked here{rest}")


def verify(folder: Path, manifest: Manifest, foreign_code: bool = False) -> Iterator[tuple[str, str, bool]]:
    """Checks the files one by one; a file that crashes or hangs its runtime does not stop the other checks.

    foreign_code: whether to compile and run a header that this version does not generate from model.keras.

    Yields:
        The name of the format; the result as text ("not run ..." if it cannot be run here); whether the checks passed.
    """
    child = None
    for name, file in manifest.formats.items():
        try:
            if child is None:
                child = Child(file_checks, folder, manifest, foreign_code)
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
