"""Starts a program of this repository in the right environment, and builds commands for users to copy.

This file may first be run by any Python, such as a student's Python 3.9 or a Python with its own Keras. Therefore, it
uses only the standard library of Python 3.7.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import MutableMapping  # noqa: UP035 - collections.abc has no [] before Python 3.9

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
OFF = {
    "ENABLE_RUNTIME_UPTIME_TELEMETRY": "0",  # otherwise, TensorFlow sets this variable to 1 on import
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",  # several libraries respect this variable
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def in_environment() -> None:
    """Starts this program again with the Python of .venv, if there is one.

    If packages are missing, prints an error; the exit status is 2. Before `run_main`, Ctrl-C ends the program silently.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # false if the calling script ignores Ctrl-C
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    python = VENV / "bin" / "python"
    if os.access(python, os.X_OK) and os.path.realpath(sys.prefix) != os.path.realpath(VENV):
        os.execv(str(python), [str(python), *sys.argv])  # noqa: S606 - the same arguments, no shell
    if sys.version_info < (3, 11) or find_spec("tensorflow") is None or find_spec("h5py") is None:
        version = ".".join(map(str, sys.version_info[:3]))
        print(
            f"error: this Python lacks the required packages. Received: {sys.executable}, "
            f"Python {version}. Install them: make -C {shlex.quote(str(ROOT))} setup",
            file=sys.stderr,
        )
        raise SystemExit(2)
    switch_off()


def switch_off(environment: MutableMapping[str, str] = os.environ) -> None:
    """Sets the variables that stop MLflow, Ray and other packages from sending usage data, also in child processes.

    Keras, ONNX Runtime on Linux and LiteRT send no such data. Call this function before any package is imported.
    """
    environment.update(OFF)


def command(place: str, *words: object) -> str:
    """Builds a command to copy and run in the working directory, for example `python3 ../mlflow_mirror sync`.

    `place` is the path of a script, or of a folder with `__main__.py`, in the repository; `words` are its arguments.
    """
    return shlex.join([_python(), shortest(ROOT / place), *map(str, words)])


def shortest(path: Path) -> str:
    """Returns a path relative to the working directory, or the path itself if that is shorter."""
    try:
        return min(os.path.relpath(path), str(path), key=len)
    except OSError:  # the working directory was deleted
        return str(path)


def _python() -> str:
    """Returns `python3` if that command can find the packages, otherwise the path of the running Python."""
    found = shutil.which("python3")
    if found and (os.access(VENV / "bin" / "python", os.X_OK) or Path(found).parent == Path(sys.prefix) / "bin"):
        return "python3"
    return sys.executable
