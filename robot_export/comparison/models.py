"""Loads the models of a comparison, and computes their predictions."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.cli.progress import progress_bar
from common.datasets.patch_file import BLOCK
from common.errors import UserError
from robot_export.foreign_options import foreign
from robot_export.scorer import Scorer, check_alike, open_scorer


def open_models(paths: list[Path], arguments: argparse.Namespace, outputs: int, patches) -> list[Scorer]:
    """Opens all models that will be compared on these patches.

    Args:
        outputs: 1 to compare classifiers, 3 to compare detectors; a file that contains both models is also accepted.

    Raises:
        UserError: a model is of the wrong kind, or the models cannot be compared on these patches.
    """
    given, threshold = foreign(arguments), getattr(arguments, "threshold", None)
    models = [open_scorer(path, (outputs, 4), given, threshold, override=False) for path in paths]
    check_alike(models, sampling=False)
    shape = (models[0].size, models[0].size, models[0].channels)
    if patches.X.shape[1:] != shape:
        taken, found = ("x".join(map(str, sides)) for sides in (shape, patches.X.shape[1:]))
        raise UserError(f"the models take {taken} patches, but those in the files differ. Received: {found}.")
    return models


def answers_of(model: Scorer, X, outputs: int) -> np.ndarray:
    """Computes a model's outputs, float32 [n, outputs]; X is read in blocks."""
    starts = range(0, len(X), BLOCK)
    blocks = progress_bar(starts, desc=f"scoring with {model.name}", unit="block", delay=1, leave=False)
    answers = np.concatenate([model.predict(X[start : start + BLOCK]) for start in blocks])
    return answers[:, :1] if outputs == 1 else answers[:, -3:]


def notes(models: Sequence[Scorer], patches) -> list[str]:
    """Returns warnings about the comparison."""
    text = "{} was trained on these patches; use other patches for a comparison"
    found = [text.format(model.name) for model in models if model.trained_on == patches.digest]
    if len({model.rule for model in models}) > 1:
        found.append(
            "the models' patches were sampled with different rules; these files were sampled with at most one of them"
        )
    names = 0 if patches.recording is None else len(set(patches.recording))
    if names < 2:
        known = "only one recording" if names else "the files name no recordings"
        found.append(f"{known}: the intervals come from drawing single patches, so they say nothing about other games")
    elif names < 10:
        found.append(f"only {names} recordings: the intervals are rough")
    return found
