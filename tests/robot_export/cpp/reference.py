"""Computes the outputs of a folded network in double precision with NumPy only: slow, but simple and correct."""

import numpy as np

from robot_export.folded_network import FoldedNetwork


def forward(network: FoldedNetwork, patches: np.ndarray) -> np.ndarray:
    """Computes the outputs, float64 [n, outputs], for raw patches [n, height, width, channels]."""
    x = patches * network.scale + np.array(network.offset)
    for layer in network.convolutions:
        x = _pool(_leaky(_convolve(x, layer) + layer.bias, layer.slope), layer.pool)
    x = x.reshape(len(x), -1)
    for layer in network.dense:
        x = _leaky(x @ layer.weights.astype(np.float64) + layer.bias, layer.slope)
    return 1 / (1 + np.exp(-x)) if network.head == "sigmoid" else x


def _convolve(x, layer):
    height, width = layer.weights.shape[:2]
    if layer.padding == "same":  # for an even kernel, the extra zeros are at the end
        x = np.pad(x, ((0, 0), ((height - 1) // 2, height // 2), ((width - 1) // 2, width // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(1, 2))
    return np.einsum("nyxcij,ijco->nyxo", windows, layer.weights.astype(np.float64), optimize=True)


def _leaky(x, slope):
    return x if slope is None else np.maximum(x, slope * x)


def _pool(x, side):
    n, height, width, channels = x.shape
    return x.reshape(n, height // side, side, width // side, side, channels).max((2, 4))
