"""Tells whether a run has finished; used before TensorFlow loads, and by grids."""

import shlex
from pathlib import Path

from common import tracking
from common.atomic_files import read_json
from common.cli import launch
from common.cli.training_options import TrainingOptions
from common.errors import UserError


def is_finished(path: Path) -> bool:
    """Whether the run in a folder has finished, including its record.

    A project without exports writes no model.json; a project with exports writes it just before the end.
    """
    manifest = path / "model.json"
    try:
        made = read_json(manifest).get("status") == "finished" if manifest.exists() else (path / "model.keras").exists()
    except UserError:
        return False
    return made and tracking.last_status(path)[0] == "FINISHED"


def already_finished(options: TrainingOptions) -> bool:
    """Returns True, and prints a line, if the run to resume has finished."""
    finished = bool(options.resume) and is_finished(Path(options.resume))
    if finished:
        model = launch.shortest(Path(options.resume) / "model.keras")
        print(
            f"This run is finished and cannot be extended: {options.resume}\n"
            f"A new run can start from its model: --init {shlex.quote(model)}"
        )
    return finished
