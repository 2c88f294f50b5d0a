"""Checks whether a run has finished, without loading TensorFlow."""

from pathlib import Path

from common import tracking
from common.atomic_files import read_json
from common.errors import UserError


def is_finished(path: Path) -> bool:
    """Whether the run in a folder has finished, according to both its files and its record.

    A project without exports writes no model.json; a project with exports writes it just before the end.
    """
    manifest = path / "model.json"
    try:
        made = read_json(manifest).get("status") == "finished" if manifest.exists() else (path / "model.keras").exists()
    except UserError:
        return False
    return made and tracking.last_status(path)[0] == "FINISHED"
