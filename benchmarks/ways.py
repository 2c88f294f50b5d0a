"""The two ways to train that train_throughput.py compares, each as two functions: one epoch, one evaluation."""

import importlib
from types import SimpleNamespace

import numpy as np

PROJECTS = ("classifier_cnn", "detector_cnn_ball_radius_center")


def noise(project: str, n: int, seed: int = 0, size: int = 16):
    """Patches of noise, uint8 [n, size, size, 1], and labels of the project: the speed does not depend on them."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 256, (n, size, size, 1), np.uint8)
    if project == "classifier_cnn":
        return X, (rng.random(n) < 0.5).astype(np.float32)
    return X, np.stack([rng.uniform(0.3, 0.5, n), *rng.uniform(0.4, 0.6, (2, n))], 1).astype(np.float32)


def compiled(project: str, train, validation, **settings):
    """The project's own trainer. `settings` are its options; returns (epoch, evaluation, trainer)."""
    from common.patches import Patches
    from common.predicting import make_predictor

    training = importlib.import_module(f"{project}.train")
    options = importlib.import_module(f"{project}.options").Options(**{"epochs": 1000} | settings)
    splits = SimpleNamespace(train=Patches(*train), validation=Patches(*validation))
    model, options = training.build(options, splits)
    trainer, _ = training.prepare(model, options, splits)
    predict, epochs = make_predictor(trainer.average), iter(range(1000))
    return (lambda: trainer.train_epoch(next(epochs))), (lambda: predict(validation[0])), trainer


def textbook(project: str, train, validation, jit_compile="auto", **settings):
    """`fit` over a dataset of single patches; returns (epoch, evaluation, model)."""
    import tensorflow as tf
    import textbook as recipe

    options = importlib.import_module(f"{project}.options").Options(**{"epochs": 1000} | settings)
    splits = SimpleNamespace(train=SimpleNamespace(X=train[0], y=train[1]))
    model, options = importlib.import_module(f"{project}.train").build(options, splits)
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
