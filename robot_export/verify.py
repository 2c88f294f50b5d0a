"""Checks on any machine that a model's files are what its model.json says: python3 robot_export/verify.py FOLDER

Checks model.json against its schema, the sha256 of every file, and the eight test vectors through every runtime that is
installed here. The folder may come from anybody: only data is loaded, in a child process with a limit of time and
memory. Headers are code: one is compiled only if it is, byte for byte, what this version makes of model.keras.
Ends with status 0 if nothing is wrong, else 2. A file that was not run is reported; with --all it is an error.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

if __name__ == "__main__":  # from any folder and by any Python: with the modules and packages of this repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.atomic_files import read_inside
from common.cli import launch
from common.cli.program import Parser, run_main
from common.errors import UserError
from robot_export import model_json
from robot_export.model_json import ExportedFile, Manifest

MOST_BYTES = 1 << 30  # of one file
LOADING, SECONDS = 300.0, 60.0  # limits: for all runtimes, which load in five seconds, and for each file
_ALONE = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}


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
    child, names = None, list(manifest.formats)
    with tempfile.TemporaryDirectory(prefix="verify-") as own:  # what was checked, alone: nobody can replace it
        wrong = [_copy(folder, Path(own), manifest.formats[name]) for name in names]
        model_json.write(Path(own), manifest)
        left = [number for number, why in enumerate(wrong) if not why]
        try:
            for number, name in enumerate(names):
                if wrong[number]:
                    yield name, wrong[number], False
                    continue
                child = child or _Child(Path(own), foreign_code, left)
                answer = child.answer(SECONDS)
                left.remove(number)
                if answer is None:
                    file, ended, child = manifest.formats[name], child.end(), None
                    answer = {"wrong": f"{file.file}: {file.runtime} {ended}"}
                yield name, answer.get("found") or answer["wrong"], "found" in answer
        finally:
            if child:
                child.end()


def _copy(folder: Path, own: Path, file: ExportedFile) -> str:
    """Copies a file whose hash is right into a folder of our own; else returns what is wrong with it."""
    try:
        content = read_inside(folder, file.file, MOST_BYTES)
    except OSError as error:
        return f"{file.file} cannot be read ({error.strerror or error})"
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        return f"{file.file} has changed since it was exported (sha256 {digest[:12]}...)"
    (own / file.file).write_bytes(content)
    return ""


class _Child:
    """A process that runs the files of these numbers, one after the other; see `verify_one_file`."""

    def __init__(self, folder: Path, foreign_code: bool, numbers: list[int]):
        command = [
            sys.executable,
            "-m",
            "robot_export.verify_one_file",
            folder,
            str(int(foreign_code)),
            *map(str, numbers),
        ]
        settings = {"cwd": launch.ROOT, "env": os.environ | _ALONE, "start_new_session": True}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **settings)
        self._late = False
        self.answer(LOADING)

    def answer(self, seconds: float) -> dict | None:
        """Its next line: what it found in a file. None if it crashed or took too long."""
        timer = threading.Timer(seconds, self._stop)
        timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        return json.loads(line) if line.endswith(b"\n") else None

    def end(self) -> str:
        """Ends the process and all that it started; returns how it ended, in words."""
        self._kill()
        status = self._process.wait()
        self._process.stdout.close()
        if self._late:
            return f"did not finish within {SECONDS:g} s"
        return f"crashed ({signal.Signals(-status).name})" if status < 0 else f"ended with status {status}"

    def _stop(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(run_main(main))
