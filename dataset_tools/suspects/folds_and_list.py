"""Finds labels that are probably wrong, and writes a sheet and a list for `create_datasets`; used by `suspects.py`."""

import argparse
import shlex
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import tensorflow as tf
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from common.atomic_files import new_folder
from common.cli import launch
from common.cli.find_run import default_output_dir
from common.cli.progress import progress_bar
from common.cli.training_options import TrainingOptions
from common.datasets.patch_file import Patches, concatenate, read_patches
from common.errors import UserError
from common.runs.evaluation import write_rows
from common.training import devices_and_seeds
from common.training.predictor import make_predictor
from dataset_tools.sources.patch_keys import keys

SHOWN = 60  # patches on the sheet


def read_recordings(files: list[Path], task: str):
    """Reads the patches of the files, which must be from at least two recordings.

    Raises:
        UserError: files cannot be used or contain fewer than two recordings, so no network could judge unseen labels.
    """
    patches = concatenate([read_patches(path, task) for path in files])
    names = 0 if patches.recording is None else len(set(patches.recording))
    if names < 2:
        raise UserError(
            f"labels are judged by networks that have not seen their recording; this requires at least two recordings. "
            f"Received: {names or 'no recording names'} in {', '.join(patches.files)}."
        )
    return patches


def answers_by_fold(patches, folds: int, options: TrainingOptions, training):
    """Returns, for each patch, the outputs of the network that was not trained on its recording: float32 [n, outputs].

    Args:
        folds: number of networks, at most one per recording. training: the project's module `training`.

    Raises:
        UserError: outputs are NaN or infinite.
    """

    def make_trainer(train):
        if train.y.ndim == 1 and len(np.unique(train.y)) < 2:
            raise UserError(
                f"training needs patches with and without a ball. Received: {', '.join(train.files)}, where only one "
                "class is left if the recordings of a fold are left out. Add files, or choose more --folds."
            )
        splits = SimpleNamespace(train=train, validation=None)
        return training.prepare(*training.build(options, splits), splits)[0]

    folds, kind = min(folds, len(set(patches.recording))), GroupKFold if patches.y.ndim > 1 else StratifiedGroupKFold
    devices_and_seeds.prepare(options.seed, options.threads)
    splitter = kind(folds, shuffle=True, random_state=options.seed)
    answers = held_out_answers(patches, splitter, options.seed, make_trainer)
    if wrong := int(np.sum(~np.isfinite(answers).all(1))):
        raise UserError(f"the networks' outputs are NaN or infinite. Received: {wrong} of {len(answers)} patches.")
    return answers


def held_out_answers(patches: Patches, splitter, seed: int, make_trainer: Callable) -> np.ndarray:
    """Returns the outputs for each patch from the network that has not seen its recording: float32 [n, outputs].

    The averaged weights after the last epoch are used, so nothing is chosen on the held-out patches.

    Args:
        splitter: a scikit-learn splitter that never splits a group. seed: seed of every network.
        make_trainer: training patches -> common.training.trainer.Trainer.
    """
    tf.get_logger().setLevel("ERROR")  # otherwise TensorFlow warns that every fold compiles its own network
    folds, answers = list(splitter.split(patches.X, patches.y, patches.recording)), None
    for number, (train, held_out) in enumerate(folds, 1):
        keras.utils.set_random_seed(seed)
        trainer = make_trainer(patches.take(train))
        for epoch in progress_bar(range(trainer.settings.epochs), desc=f"fold {number} of {len(folds)}", unit="epoch"):
            trainer.train_epoch(epoch)
        found = make_predictor(trainer.average)(patches.X[held_out])
        answers = np.full((len(patches), found.shape[1]), np.nan, np.float32) if answers is None else answers
        answers[held_out] = found
    return answers


def write(
    arguments: argparse.Namespace, patches, answers, found: np.ndarray, columns: dict, draw: Callable, uses: dict
) -> None:
    """Writes suspects.csv and suspects.png, and prints how to use these files.

    A patch without a `source` is identified by its digest. Patches with the same digest are on the sheet but
    not in the list, because `create_datasets` rejects a name that matches several patches.

    Args:
        answers: the networks' outputs, [n, ...]. found: int [k], the most suspicious first.
        columns: columns of the list, name -> [k].
        draw: (path, patches, answers, indices, title) draws the sheet.
        uses: each option of create_datasets.py that accepts the list -> what the option does.
    """
    folder = new_folder(arguments.output_dir or default_output_dir() / f"suspects-{arguments.files[0].stem}")
    title = f"{len(found)} of {len(patches)} labels {'is' if len(found) == 1 else 'are'} suspicious"
    draw(folder / "suspects.png", patches, answers, found[:SHOWN], title)
    named = keys(patches.X, patches.y, patches.source)
    counts = Counter(named)
    single = [place for place, index in enumerate(found) if counts[named[index]] == 1]
    rows = {"sha256" if patches.source is None else "source": [named[found[place]] for place in single]}
    rows |= {name: [values[place] for place in single] for name, values in columns.items()}
    rows |= {"index": found[single], "recording": patches.recording[found[single]]}
    write_rows(folder / "suspects.csv", rows)
    print(title + (f", the first {SHOWN} on the sheet" if len(found) > SHOWN else ""))
    if len(single) < len(found):
        print(f"note: patches not in the list, because they are copies of other patches: {len(found) - len(single)}")
    path = launch.shortest(folder)
    print(f"Look at {path}/suspects.png, and remove the rows whose label is right from {path}/suspects.csv.")
    added = "this option" if len(uses) == 1 else "one of these options"
    print(f"Then build the dataset again, with {added} added to its create_datasets.py command:")
    file = shlex.quote(f"{path}/suspects.csv")
    print("\n".join(f"  {option:9} {file}   {meaning}" for option, meaning in uses.items()))
