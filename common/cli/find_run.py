"""Finds a run by its folder or its name, and reads its settings from config.json."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from common.atomic_files import read_json
from common.cli import launch
from common.errors import UserError


def default_output_dir() -> Path:
    """Returns the folder for runs: BALL_OUTPUT_DIR if it is set, otherwise the folder `runs` of the repository."""
    return Path(os.environ.get("BALL_OUTPUT_DIR") or launch.ROOT / "runs")


def find_run(run: str, output_dir: Path) -> Path:
    """Finds a run's folder by its path, or by its name in the output folder; raises a UserError if there is no run."""
    if not run.strip():  # an empty name (an unset shell variable) must not mean the working directory
        raise UserError("--resume needs a run. Received: an empty name. Give its folder or its name.")
    if found := _find(run, output_dir):
        return found
    raise UserError(
        f"There is no such run: no config.json in {Path(run)} or {output_dir / run}. Received: {run}. "
        "Give its folder or its name."
    )


def run_or_file(text: str) -> Path:
    """Converts a model on the command line to a path: the path itself, or the folder of the run with this name."""
    if os.path.lexists(text) or not text.strip():
        return Path(text)
    return _find(text, default_output_dir()) or Path(text)


def _find(run: str, output_dir: Path) -> Path | None:
    for folder in (Path(run), output_dir / run):
        if os.path.isfile(folder / "config.json"):  # noqa: PTH113 - also False for a name that is too long
            return folder.resolve()
    named = []
    for path in sorted(output_dir.glob("*/config.json")):
        with suppress(UserError):  # the file is damaged, or does not belong to a run
            if read_json(path).get("name") == run:
                named.append(path)
    if not named:
        return None
    folder = max(named, key=lambda path: (path.stat().st_mtime, path)).parent
    newest = f", the newest of {len(named)} runs with that name" if len(named) > 1 else ""
    print(f"note: the run is {folder.name}{newest}", file=sys.stderr)
    return folder.resolve()


def training_script(project: str) -> Path | None:
    """Returns the training script of the project that config.json names; None if this repository does not have it."""
    found = (launch.ROOT / project / "train.py", launch.ROOT / f"{project}.py") if project.isidentifier() else ()
    return next((script for script in found if script.is_file()), None)


def resume_command(script: Path, folder: Path) -> str:
    """Returns the command that resumes a run."""
    return launch.command(script, "--resume", launch.shortest(folder))


def read_config(folder: Path) -> dict:
    """Reads a run's config.json: options, datasets (split -> digest) and whether the dataset was substituted.

    Raises:
        UserError: the file cannot be read, or is not the config.json of a run.
    """
    try:
        config = {"datasets": {}, "substituted": False} | read_json(Path(folder) / "config.json")
    except UserError as error:
        raise UserError(f"{error} Restore this file, or start a new run.") from None
    digests = config["datasets"]
    good = isinstance(config.get("options"), dict) and isinstance(digests, dict)
    if not good or not all(isinstance(digest, str) for digest in digests.values()):
        raise UserError(f"config.json does not belong to a run. Received: {folder}. Restore it, or start a new run.")
    return config | {"substituted": config["substituted"] is True}
