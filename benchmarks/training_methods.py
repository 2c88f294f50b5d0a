"""Provides the two training methods that train_throughput.py compares; each can train for an epoch and evaluate."""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import tensorflow as tf
import textbook_loop as recipe

from common.datasets.patch_file import Patches
from common.training import devices_and_seeds
from common.training.predictor import make_predictor

PROJECTS = ("classifier_cnn", "detector_cnn_ball_radius_center")


def noise(project: str, n: int, seed: int = 0, size: int = 16):
    """Returns patches of noise, uint8 [n, size, size, 1], and labels; the speed does not depend on their content."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 256, (n, size, size, 1), np.uint8)
    if project == "classifier_cnn":
        return X, (rng.random(n) < 0.5).astype(np.float32)
    return X, np.stack([rng.uniform(0.3, 0.5, n), *rng.uniform(0.4, 0.6, (2, n))], 1).astype(np.float32)


def compiled(project: str, train, validation, **settings):
    """Prepares the project's own trainer with these options; returns (epoch, evaluation, trainer)."""
    training = importlib.import_module(f"{project}.training")
    options = importlib.import_module(f"{project}.options").Options(**{"epochs": 1000} | settings)
    splits = SimpleNamespace(train=Patches(*train), validation=Patches(*validation))
    model, options = training.build(options, splits)
    trainer, _ = training.prepare(model, options, splits)
    predict, epochs = make_predictor(trainer.average), iter(range(1000))
    return (lambda: trainer.train_epoch(next(epochs))), (lambda: predict(validation[0])), trainer


def textbook(project: str, train, validation, jit_compile="auto", **settings):
    """Prepares `model.fit` with a dataset of single patches; returns (epoch, evaluation, model)."""
    options = importlib.import_module(f"{project}.options").Options(**{"epochs": 1000} | settings)
    splits = SimpleNamespace(train=Patches(*train))
    model, options = importlib.import_module(f"{project}.training").build(options, splits)
    batch, steps = options.batch_size, options.epochs * -(-len(train[0]) // options.batch_size)
    y = train[1] if train[1].ndim == 2 else train[1][:, None]
    recipe.compile_model(model, project, options.learning_rate, steps, jit_compile)
    data = recipe.dataset(train[0], y, project, batch, options.augment)
    scored = tf.data.Dataset.from_tensor_slices(validation[0]).batch(batch).prefetch(tf.data.AUTOTUNE)
    return (
        lambda: model.fit(data, epochs=1, verbose=0).history["loss"][-1],
        lambda: model.predict(scored, verbose=0),
        model,
    )


def serve(job: dict) -> None:
    """Trains and evaluates on demand: reads commands from stdin, one per line, and prints wall and CPU seconds.

    Commands: `train`, `evaluate`, `memory` (prints the peak memory in bytes, minus the memory after the imports) and
    `set {...}`, which changes the settings of the network and of training.
    """
    devices_and_seeds.prepare(seed=0, threads=job["threads"])
    (train, validation), before = (noise(job["project"], n, n) for n in job["patches"]), reset_peak()
    answers = os.dup(1)
    os.dup2(2, 1)  # keeps Keras's output out of the replies
    settings, parts = job["settings"], None
    for line in map(str.strip, sys.stdin):
        if line.startswith("set ") or parts is None:
            settings |= json.loads(line[4:]) if line.startswith("set ") else {}
            parts = globals()[job["way"]](job["project"], train, validation, **settings)
            parts[0](), parts[1]()  # compiles
        wall, cpu = time.perf_counter(), time.process_time()
        if line in ("train", "evaluate"):
            parts[("train", "evaluate").index(line)]()
        answer = [time.perf_counter() - wall, time.process_time() - cpu] if line != "memory" else [peak() - before] * 2
        os.write(answers, "{} {}\n".format(*answer).encode())


def reset_peak() -> int:
    """Resets the peak memory use; returns the current use in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")


def peak() -> int:
    """Returns the peak memory use since `reset_peak` in bytes."""
    return status("VmHWM")


def status(key: str) -> int:
    """Reads a value from /proc/self/status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) * 1024


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
