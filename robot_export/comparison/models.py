"""Loads the models of a comparison and the patches for it."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.cli.printable import printable
from common.cli.progress import progress_bar
from common.cli.training_options import TrainingOptions
from common.datasets.load import read_files
from common.datasets.patch_file import BLOCK
from common.errors import UserError
from robot_export.foreign_options import foreign
from robot_export.model_json import read_beside
from robot_export.recorded_patches import recorded_splits
from robot_export.scorer import open_scorer


def read_patches(models: list[Path], files: list[Path], task: str, kind: type[TrainingOptions], load_data: Callable):
    """The patches for the comparison: those in the files, or the validation patches that all runs recorded.

    Args:
        kind: the project's Options. load_data: the project's function that finds the patches of a run.

    Raises:
        UserError: files that cannot be used, or runs that were validated on different patches.
    """
    if files:
        return read_files(files, task)[0]
    runs = {path: _folder(path) for path in models if (_folder(path) / "config.json").is_file()}
    if not runs:
        raise UserError("none of the models is a run, so there are no recorded patches. Pass the patch files.")
    told = [read_beside(folder / "model.keras") for folder in runs.values()]
    digests = {manifest and manifest.digest("validation") for manifest in told}
    if len(digests) > 1:
        shown = ", ".join(printable(path) for path in runs)
        raise UserError(f"these runs were validated on different patches. Received: {shown}. Pass the patch files.")
    validation = recorded_splits(next(iter(runs.values())), kind, load_data).validation
    if validation.digest not in digests:
        raise UserError("the patches that these runs recorded have changed. Pass the patch files.")
    return validation


def open_models(paths: list[Path], arguments: argparse.Namespace, outputs: int, patches) -> list:
    """All models, ready to predict these patches.

    Args:
        outputs: 1 for classifiers, 3 for detectors; a file with both is also accepted.

    Returns:
        list of robot_export.scorer.Scorer.

    Raises:
        UserError: a model of another kind, or models that cannot be compared on the same patches.
    """
    given, threshold, models = foreign(arguments), getattr(arguments, "threshold", None), []
    for path in paths:
        ships_none = not (_folder(path) / "model.json").is_file()
        models.append(open_scorer(path, (outputs, 4), given, threshold if ships_none else None))
    first = models[0]
    for model in models[1:]:
        if model.takes != first.takes:
            raise UserError(
                f"models for different patches cannot be compared on the same ones. Received: {model.name}, "
                f"{model.takes}, and {first.name}, {first.takes}. Score each on its own files with evaluate.py."
            )
    shape = (first.size, first.size, first.channels)
    if patches.X.shape[1:] != shape:
        taken, found = ("x".join(map(str, sides)) for sides in (shape, patches.X.shape[1:]))
        raise UserError(f"the models take {taken} patches, but the files have others. Received: {found}.")
    return models


def answers_of(model, X, outputs: int):
    """A model's outputs, float32 [n, outputs]; X is read in blocks.

    Raises:
        UserError: an output is NaN or infinite, or a classifier's score is outside 0..1.
    """
    blocks = progress_bar(
        range(0, len(X), BLOCK), desc=f"scoring with {model.name}", unit="block", delay=1, leave=False
    )
    answers = np.concatenate([model.predict(X[start : start + BLOCK]) for start in blocks])
    answers = answers[:, :1] if outputs == 1 else answers[:, -3:]
    if wrong := int(np.sum(~np.isfinite(answers).all(1))):
        raise UserError(f"{model.file}: the model's outputs are NaN or infinite. Received: {wrong} of {len(answers)}.")
    if outputs == 1 and not ((answers >= 0) & (answers <= 1)).all():
        shown = f"{answers.min():.4g} to {answers.max():.4g}"
        raise UserError(f"{model.file}: scores must be in 0..1. Received: {shown}. For logits, pass --outputs logit.")
    return answers


def notes(models: list, patches) -> list[str]:
    """Warnings about the comparison."""
    found = []
    for model in models:
        if model.trained_on == patches.digest:
            found.append(f"{model.name} was trained on these patches; use others for a comparison")
    if len({model.rule for model in models}) > 1:
        found.append("the models' patches were sampled by different rules; these files follow at most one of them")
    names = 0 if patches.recording is None else len(set(patches.recording))
    if names < 2:
        known = "only one recording" if names else "the files name no recordings"
        found.append(f"{known}: the intervals are over single patches and say nothing about other games")
    elif names < 10:
        found.append(f"only {names} recordings: the intervals are rough")
    return found


def _folder(model: Path) -> Path:
    return model if model.is_dir() else model.parent
