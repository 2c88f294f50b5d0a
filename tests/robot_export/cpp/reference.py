"""What a folded network answers, computed in double precision with nothing but NumPy: slow, plain and right."""

import numpy as np

from robot_export.folding import FoldedNetwork


def forward(network: FoldedNetwork, patches: np.ndarray) -> np.ndarray:
    """Raw patches [n, height, width, channels] -> float64 [n, outputs]."""
    x = patches * network.scale + np.array(network.offset)
    for layer in network.convolutions:
        x = _pool(_leaky(_convolve(x, layer) + layer.bias, layer.slope), layer.pool)
    x = x.reshape(len(x), -1)
    for layer in network.dense:
        x = _leaky(x @ layer.weights.astype(np.float64) + layer.bias, layer.slope)
    return 1 / (1 + np.exp(-x)) if network.head == "sigmoid" else x


def _convolve(x, layer):
    height, width = layer.weights.shape[:2]
    if layer.padding == "same":  # an even kernel has its extra zeros at the end
        x = np.pad(x, ((0, 0), ((height - 1) // 2, height // 2), ((width - 1) // 2, width // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(1, 2))
    return np.einsum("nyxcij,ijco->nyxo", windows, layer.weights.astype(np.float64), optimize=True)


def _leaky(x, slope):
    return x if slope is None else np.maximum(x, slope * x)


def _pool(x, side):
    n, height, width, channels = x.shape
    return x.reshape(n, height // side, side, width // side, side, channels).max((2, 4))
