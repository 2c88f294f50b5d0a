"""Finds patches to label in unlabelled pictures: opens the models, scans, chooses, writes and prints."""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from classifier_cnn.options import Options
from common.cli import launch
from common.cli.find_run import read_config
from common.cli.option import from_json
from common.datasets.resolve import resolve
from common.errors import UserError
from dataset_tools.mining.mine_pictures import mine
from robot_export.foreign_options import foreign
from robot_export.scorer import check_alike, open_scorer


def mine_with(arguments: argparse.Namespace) -> None:
    """Mines with the classifiers from the command line of mine.py.

    Raises:
        UserError: models or sources cannot be used.
    """
    start, given = time.perf_counter(), foreign(arguments)
    scorers = [open_scorer(path, (1, 4), given, arguments.threshold) for path in (arguments.model, *arguments.models)]
    check_alike(scorers)
    folder = mine(arguments, scorers, arguments.training or training_files(scorers[0].file.parent))
    print((folder / "report.md").read_text(encoding="utf-8").rstrip())
    print(f"{time.perf_counter() - start:.0f} s; sheets, table, tasks and report: {folder}")
    if arguments.negatives:
        script = "dataset_tools/ball_classification_datasets/create_datasets.py"
        words = ("--naoth", launch.shortest(arguments.negatives), "--origins", "naoth", "--output-dir", "datasets")
        print(f"Build datasets with the negatives: {launch.command(script, *words)}")
    elif (folder / "negatives").is_dir():
        print("To add the negatives to your patches, pass --negatives ROOT with the folder for create_datasets.py.")


def training_files(run: Path) -> list[Path]:
    """The training files of a run that are on this machine; nothing is downloaded."""
    try:
        options = from_json(Options, read_config(run)["options"])
        return list(resolve("classification", replace(options, offline=True), _rendered).train)
    except UserError:
        text = "note: the training patches are not here, so chosen patches may be similar. Pass them with --training."
        print(text, file=sys.stderr)
        return []


def _rendered(task: str, root: Path) -> dict[str, Path]:
    """Replaces rendering: mining with a run on synthetic patches compares with nothing."""
    raise UserError("rendered patches")
