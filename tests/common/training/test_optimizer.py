"""Tests the learning rate of a run; test_trainer.py compares the optimiser's steps with Keras's AdamW."""

import keras
import numpy as np

from common.training.optimizer import AdamW
from common.training.trainer import Settings


def test_learning_rate_warms_up_and_falls_to_zero():
    schedule = AdamW(
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), Settings(10, learning_rate=0.01, warmup=0.1), 100
    ).rate
    rates = [float(schedule(step)) for step in (0, 5, 10, 55, 100)]
    np.testing.assert_allclose(rates, [0, 0.005, 0.01, 0.005, 0], atol=1e-6)
