"""A small project for testing grids: it has all parts of a project, but trains a linear classifier without TensorFlow.

`--trouble` makes a run fail: `bad-input`, `disk` (an OSError that becomes a UserError, as in
common.atomic_files), `killed`.
"""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common import tracking
from common.atomic_files import write_json
from common.cli.program import run_main
from common.cli.training_options import TrainingOptions, parse, training_parser
from common.datasets.load import load_splits
from common.errors import UserError
from dataset_tools.synthetic.render_files import synthetic_files

PROJECT = "small_training"
TASK = "classification"


@dataclass(frozen=True)
class Options(TrainingOptions):
    delay: float = 0.01
    trouble: str = "none"


def parse_args(argv=None):
    parser = training_parser("Trains tiles.", "", "none")
    parser.add_argument("--delay", type=float)
    parser.add_argument("--trouble", choices=("none", "bad-input", "disk", "killed"))
    return parse(parser, Options, argv)


class Tiles:
    """A logistic regression on the brightness of 4 x 4 tiles, trained by gradient descent."""

    def __init__(self, patches, options):
        from common.training.trainer import Settings

        self.data = _tiles(patches)
        self.y = patches.y.ravel()
        self.settings = Settings(options.epochs, learning_rate=options.learning_rate)
        self.delay, self.average, self.weights = options.delay, self, np.zeros(17)

    def train_epoch(self, epoch, stopped):
        for _ in range(5):
            time.sleep(self.delay / 5)
            if stopped():
                return None
            self.weights -= 10 * self.settings.learning_rate * self.data.T @ (self.predict() - self.y) / len(self.y)
        return self.loss(self.data, self.y)

    def predict(self, data=None):
        return 1 / (1 + np.exp(-(self.data if data is None else data) @ self.weights))

    def loss(self, data, y):
        return float(((self.predict(data) - y) ** 2).mean())

    def state(self):
        return [self.weights.copy()]

    get_weights = state

    def restore(self, state):
        self.weights = state[0].copy()

    set_weights = restore


def _tiles(patches):
    X = patches.X[..., 0].astype(float) / 255 - 0.5
    tiles = X.reshape(len(X), 4, X.shape[1] // 4, 4, -1).mean((2, 4)).reshape(len(X), 16)
    return np.concatenate([tiles, np.ones((len(X), 1))], 1)


def load_data(options):
    return load_splits(TASK, options, synthetic_files)


def train(options):
    from common.runs.finished import is_finished
    from common.runs.run_folder import open_run
    from common.training.epochs_and_checkpoints import fit

    if options.resume and is_finished(Path(options.resume)):
        return 0
    server = tracking.choose_server(options.tracking, options.output_dir)
    splits = load_data(options)
    if options.trouble == "bad-input":
        raise UserError("The trouble is bad input.")
    with open_run(PROJECT, options, splits, server) as run:
        trainer = Tiles(splits.train, options)
        validation, y = _tiles(splits.validation), splits.validation.y.ravel()
        history = fit(trainer, lambda: {"val_loss": trainer.loss(validation, y)}, run.path, run.epoch, run.stop)
        if options.trouble == "disk":
            try:
                raise OSError(28, "No space left on device")
            except OSError as error:
                raise UserError(f"model.json cannot be written: {error.strerror}.") from None
        if options.trouble == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if history.best is not None:
            cost = {"multiply_accumulates": 17 * options.dense, "parameters": 17 * options.dense}
            status = "killed" if run.stop() else "finished"
            write_json(run.path / "model.json", {"status": status, "cost": cost})
            run.record_results({"validation": {"loss": history.epochs[history.best]["val_loss"]}}, history)
    return run.stop.status


if __name__ == "__main__":
    sys.exit(run_main(lambda: train(parse_args())))
