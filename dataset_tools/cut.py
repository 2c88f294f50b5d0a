"""Cuts patches out of annotated pictures and logs; `python -m dataset_tools.cut`."""

import importlib.util
import os
import sys
from pathlib import Path

_VENV = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"
if __name__ == "__main__" and importlib.util.find_spec("h5py") is None and _VENV.exists():
    os.execv(_VENV, [str(_VENV), "-m", "dataset_tools.cut", *sys.argv[1:]])  # noqa: S606  as create_datasets.py does

from common.cli.program import run_main  # noqa: E402
from dataset_tools.cutting.options import parse_args  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    settings = parse_args(argv)
    from dataset_tools.cutting.story import cut

    cut(settings)
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
