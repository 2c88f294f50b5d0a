"""Finds a run by its folder or its name, and reads the config.json that says how it began."""

import os
import sys
from pathlib import Path

from common.atomic_files import read_json
from common.errors import UserError


def find_run(run: str, output_dir: Path) -> Path:
    """The folder of a run that is given by path or by its name in the output folder.

    Raises:
        UserError: there is no such run.
    """
    if not run.strip():  # an unset shell variable must mean neither the working directory nor a new run
        raise UserError("--resume names a run. Received: an empty name. Give its folder or its name.")
    for folder in (Path(run), output_dir / run):
        if os.path.isfile(folder / "config.json"):  # noqa: PTH113 - False for a name that is too long, too
            return folder.resolve()
    if named := [path for path in sorted(output_dir.glob("*/config.json")) if _name_of(path) == run]:
        folder = max(named, key=lambda path: (path.stat().st_mtime, path)).parent
        newest = f", the newest of {len(named)} runs of that name" if len(named) > 1 else ""
        print(f"note: resuming {folder.name}{newest}", file=sys.stderr)
        return folder.resolve()
    raise UserError(f"There is no such run: no config.json in {Path(run)} or {output_dir / run}. Received: {run}.")


def _name_of(config: Path) -> str | None:
    """The name of a run, by its config.json; None if that cannot be read."""
    try:
        return read_json(config).get("name")
    except UserError:
        return None


def read_config(folder: Path) -> dict:
    """config.json of a run, with options, datasets (split -> digest) and whether the dataset was substituted.

    Raises:
        UserError: it cannot be read, or was edited into something else.
    """
    config = {"datasets": {}, "substituted": False} | read_json(Path(folder) / "config.json")
    digests = config["datasets"]
    good = isinstance(config.get("options"), dict) and isinstance(digests, dict)
    if not good or not all(isinstance(digest, str) for digest in digests.values()):
        raise UserError(f"config.json is not that of a run. Received: {folder}. Start a new run.")
    return config | {"substituted": config["substituted"] is True}
