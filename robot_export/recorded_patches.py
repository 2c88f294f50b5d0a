"""Finds the patches of a run again, using its config.json."""

from collections.abc import Callable
from pathlib import Path

from common.cli.find_run import read_config
from common.cli.option import from_json


def recorded_splits(folder: Path, kind: type, load_data: Callable):
    """The patches of a run: common.datasets.load.Splits.

    Args:
        folder: the run's folder. kind: the project's Options. load_data: the project's function.

    Raises:
        UserError: they no longer exist, or config.json does not belong to a run of this project.
    """
    saved = read_config(folder)["options"]
    moved = {} if Path(str(saved.get("data_root"))).is_dir() else {"data_root": kind().data_root}  # made elsewhere
    places = {"resume": str(folder.resolve()), "output_dir": folder.resolve().parent} | moved
    return load_data(from_json(kind, saved, **places))
