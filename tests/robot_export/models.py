"""Makes random models of both projects, with weights and moving statistics as after training."""

import numpy as np

from classifier_cnn import model as classifier
from detector_cnn_ball_radius_center import model as detector


def random_model(seed: int, side=16, channels=1, filters=(4, 4, 8, 8), dense=32, head="sigmoid", regularize=True):
    """Makes a classifier or a detector, depending on `head`; none of its variables has its initial value."""
    rng = np.random.default_rng(seed)
    build_model = {"sigmoid": classifier.build_model, "linear": detector.build_model}[head]
    model = build_model((side, side, channels), filters, dense, regularize, rng.uniform(0.3, 0.6, channels))
    for layer in model.layers:
        layer.set_weights([_trained(rng, weight.name, weight.shape) for weight in layer.weights])
    return model


def _trained(rng, name: str, shape: tuple) -> np.ndarray:
    if name == "kernel":
        return rng.normal(0, np.sqrt(1.6 / np.prod(shape[:-1])), shape).astype(np.float32)
    low, high = {"gamma": (0.5, 1.5), "moving_variance": (0.2, 2)}.get(name, (-0.3, 0.3))
    return rng.uniform(low, high, shape).astype(np.float32)


def patches(seed: int, n: int, shape: tuple) -> np.ndarray:
    """Makes uint8 patches of five kinds: noise, gradients, grey, black or white, and black-and-white noise."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 256, (n, *shape), np.uint8)
    X[1::5] = np.linspace(0, 255, shape[1]).astype(np.uint8)[:, None]
    X[2::5] = rng.integers(0, 256, (len(X[2::5]), 1, 1, 1))
    X[3::5] = rng.choice([0, 255], (len(X[3::5]), 1, 1, 1))
    X[4::5] = rng.choice([0, 255], X[4::5].shape)
    return X
