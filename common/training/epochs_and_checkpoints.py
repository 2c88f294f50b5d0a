"""Runs all epochs: validates, keeps the best epoch by val_loss, writes checkpoints, resumes, and stops cleanly."""

import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.atomic_files import replacing
from common.cli.progress import progress_bar
from common.errors import UserError
from common.training.trainer import Trainer


@dataclass
class History:
    """The results of the epochs so far.

    epochs: one dict of metrics per epoch.
    best: index of the epoch with the lowest `val_loss`. weights: the averaged weights after that epoch.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    best: int | None = None
    weights: list[np.ndarray] | None = None


def fit(
    trainer: Trainer,
    validate: Callable[[], dict[str, float]],
    folder: Path,
    report: Callable[[int, dict[str, float]], None],
    stopped: Callable[[], bool],
) -> History:
    """Trains to the last epoch or until `stopped`, from the checkpoint in `folder` if there is one.

    Args:
        validate: scores `trainer.average`; returns metrics, including `val_loss`.
        folder: the folder with `checkpoint.npz`, which is replaced in one step after every epoch.
        report: called with each epoch (from 0) and its metrics.

    Returns:
        The history; `trainer.average` holds the best averaged weights.

    Raises:
        UserError: the loss is not finite, or the checkpoint cannot be used.
    """
    history = _restore(trainer, folder / "checkpoint.npz")
    epochs = trainer.settings.epochs
    with progress_bar(total=epochs, initial=len(history.epochs), desc="training", unit="epoch") as bar:
        for epoch in range(len(history.epochs), epochs):
            started = time.perf_counter()
            loss = trainer.train_epoch(epoch, stopped)
            if loss is None:  # stopped in the middle: resuming repeats the epoch from its start
                break
            speed = len(trainer.data) / (time.perf_counter() - started)
            numbers = {"loss": loss, **validate(), "patches_per_second": speed}
            numbers["epoch_seconds"] = time.perf_counter() - started
            history.epochs.append(numbers)
            if history.best is None or numbers["val_loss"] < history.epochs[history.best]["val_loss"]:
                history.best, history.weights = epoch, trainer.average.get_weights()
            # First reports, then saves: a run that is killed in between repeats the epoch, and no report is missing.
            report(epoch, numbers)
            _save(trainer, history, folder / "checkpoint.npz")
            bar.set_postfix({name: f"{value:.4g}" for name, value in list(numbers.items())[:4]}, refresh=False)
            bar.update()
    if history.weights is not None:
        trainer.average.set_weights(history.weights)
    return history


def _save(trainer: Trainer, history: History, path: Path) -> None:
    """Writes everything that the next epoch depends on, and replaces the previous checkpoint in one step."""
    arrays = {f"state{i:04}": value for i, value in enumerate(trainer.state())}
    arrays |= {f"best{i:04}": value for i, value in enumerate(history.weights)}
    arrays["history"] = np.array(json.dumps({"epochs": history.epochs, "best": history.best}))
    with replacing(path) as new, new.open("wb") as file:
        np.savez(file, **arrays)


def _restore(trainer: Trainer, path: Path) -> History:
    if not path.exists():
        return History()
    try:
        with zipfile.ZipFile(path) as archive:  # our files are not compressed; other files could unpack to any size
            if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
                raise ValueError("it unpacks to more than it contains")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            state = [saved[key] for key in sorted(saved) if key.startswith("state")]
            weights = [saved[key] for key in sorted(saved) if key.startswith("best")]
            history = _history(json.loads(str(saved["history"])), weights, trainer.average.get_weights())
        trainer.restore(state)
    except Exception as error:  # NumPy, zipfile and TensorFlow raise many kinds of exceptions
        raise UserError(
            f"{path} cannot be resumed; it is damaged or from another version. Received: "
            f"{type(error).__name__}: {error}. Copy it again, or move it away to train from the first epoch."
        ) from None
    return history


def _history(told: dict, weights: list, expected: list) -> History:
    """Returns a checkpoint's history; raises some exception if it is incomplete or belongs to another network."""
    epochs, best = told["epochs"], told["best"]
    names = epochs[0].keys()
    if any(numbers.keys() != names or not {*map(type, numbers.values())} <= {int, float} for numbers in epochs):
        raise ValueError("its epochs have different metrics")
    if "val_loss" not in names or type(best) is not int or not 0 <= best < len(epochs):
        raise ValueError("it does not say which epoch was the best")
    if [array.shape for array in weights] != [array.shape for array in expected]:
        raise ValueError("it belongs to another network")
    return History(epochs, best, weights)
