"""Predicts every patch with a network that has not seen its recording."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from common.cli.progress import progress_bar
from common.datasets.patch_file import Patches
from common.training.predictor import make_predictor


def held_out_answers(patches: Patches, splitter, seed: int, make_trainer: Callable) -> np.ndarray:
    """Float32 [n, outputs]: each patch is predicted by the network that has not seen its recording.

    The averaged weights after the last epoch are used, so nothing is chosen on the held-out patches.

    Args:
        patches: all patches.
        splitter: a scikit-learn splitter by group.
        seed: seed for every network.
        make_trainer: training patches -> common.training.trainer.Trainer.
    """
    tf.get_logger().setLevel("ERROR")  # otherwise it warns that every fold compiles its own network
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
