"""Seeds make runs repeatable, and one line says why a GPU cannot be used."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.training import devices_and_seeds


def test_a_convolution_finds_a_device_that_cannot_be_used():
    assert devices_and_seeds.computing_fails("CPU:0") is None
    assert "GPU:0 cannot be used" in devices_and_seeds.computing_fails("GPU:0")


@pytest.fixture
def no_gpu(monkeypatch):
    """Simulates a machine without a GPU; the test can set the reported reason in the returned dictionary."""
    monkeypatch.setattr(devices_and_seeds, "find_gpus", list)
    told = {"why": None}
    monkeypatch.setattr(devices_and_seeds, "why_no_gpu", lambda seen, required: told["why"])
    return told


def drawn():
    return tf.random.uniform((4,)).numpy(), random.random(), keras.random.normal((4,)).numpy()


def test_a_seed_gives_the_same_numbers_in_every_library(no_gpu, capsys):
    numbers = []
    for seed in (1, 1, 2):
        devices_and_seeds.prepare(seed, threads=2)  # TensorFlow has already run, so its number of threads is fixed
        numbers.append(drawn())
    for one, again, other in zip(*numbers, strict=True):
        assert np.array_equal(one, again)
        assert not np.array_equal(one, other)
    assert capsys.readouterr().err == ""


def test_a_gpu_that_is_not_used_is_reported_in_one_line(no_gpu, capsys):
    no_gpu["why"] = "no NVIDIA driver is visible"
    devices_and_seeds.prepare(0)
    assert capsys.readouterr().err == "note: training on the CPU: no NVIDIA driver is visible\n"
