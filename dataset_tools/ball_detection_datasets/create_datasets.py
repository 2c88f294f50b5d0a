"""Builds the ball radius and centre patch datasets; `--help` tells how."""

import importlib.util
import os
import sys
from pathlib import Path

_VENV = Path(__file__).resolve().parents[2] / ".venv" / "bin" / "python"
if __name__ == "__main__" and importlib.util.find_spec("h5py") is None and _VENV.exists():
    os.execv(_VENV, [str(_VENV), *sys.argv])  # noqa: S606  no environment is active: use the repository's

from common.cli.program import run_main  # noqa: E402
from dataset_tools.building.command import create  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return create("detection", argv)


if __name__ == "__main__":
    sys.exit(run_main(main))
