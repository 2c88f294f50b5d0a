"""What is worth a label in unlabelled pictures: opens the models, scans, chooses, writes and prints."""

import argparse
import sys
import time
from pathlib import Path

from classifier_cnn.options import Options
from common.cli import launch
from common.cli.find_run import read_config
from common.cli.option import from_json
from common.cli.training_options import TrainingOptions
from common.datasets.resolve import Source, Wanted, resolve
from common.errors import UserError
from dataset_tools.mining.mine_pictures import mine
from robot_export.foreign_options import Foreign
from robot_export.scorer import check_pair, open_scorer


def mine_with(arguments: argparse.Namespace, given: Foreign) -> None:
    """Mines with the classifiers of the arguments, which are those of mine.py.

    Args:
        arguments: of mine.py. given: what they say of files that no model.json describes.

    Raises:
        UserError: models or sources that cannot be used.
    """
    scorers = [open_scorer(path, (1, 4), given, arguments.threshold) for path in (arguments.model, *arguments.models)]
    for other in scorers[1:]:
        check_pair(scorers[0], other)
    training = arguments.training or training_files(scorers[0].file.parent)
    start = time.perf_counter()
    folder = mine(arguments, scorers, training, TrainingOptions().output_dir)
    print((folder / "report.md").read_text(encoding="utf-8").rstrip())
    print(f"{time.perf_counter() - start:.0f} s; sheets, table, tasks and report: {folder}")
    script = "dataset_tools/ball_classification_datasets/create_datasets.py"
    if arguments.negatives:
        words = ("--naoth", launch.shortest(arguments.negatives), "--origins", "naoth", "--output-dir", "datasets")
        print(f"Build datasets with the negatives: {launch.command(script, *words)}")
    elif (folder / "negatives").is_dir():
        print("The negatives join your patches with --negatives ROOT, the folder that create_datasets.py reads.")


def training_files(run: Path) -> list[Path]:
    """The training files of a run, as far as they are on this machine; nothing is fetched."""
    try:
        options = from_json(Options, read_config(run)["options"])
        wanted = Wanted(options.dataset, options.data_train, options.data_val, options.data_test)
        source = Source(options.data_root, options.archive_url, offline=True)
        return list(resolve("classification", wanted, source, _rendered).train)
    except UserError:
        text = "note: the training patches are not here, so those chosen may be like them. Name them with --training."
        print(text, file=sys.stderr)
        return []


def _rendered(task: str, root: Path) -> dict[str, Path]:
    """Stands in for rendering: mining with a run on synthetic patches compares with nothing."""
    raise UserError("rendered patches")
