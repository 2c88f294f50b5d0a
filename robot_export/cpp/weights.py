"""Transforms, pads and orders the weights of a folded network for the C++ code."""

import numpy as np

# G g G^T is the matrix of the 16 factors of a 4x4 tile for a 3x3 kernel g. See F(2x2, 3x3) in Lavin & Gray, Fast
# Algorithms for Convolutional Neural Networks, 2016.
_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


def padded(channels: int) -> int:
    """Rounds a number of channels up to a multiple of four."""
    return -(-channels // 4) * 4


def tile_factors(weights: np.ndarray) -> np.ndarray:
    """Transforms kernels [3, 3, inputs, outputs] to factors [16, inputs, padded outputs]."""
    both = np.einsum("ai,bj,ijco->abco", _G, _G, weights.astype(np.float64))
    return pad_last(both.reshape(16, *weights.shape[2:]))


def pad_last(values: np.ndarray) -> np.ndarray:
    """Pads the last axis with zeros to a multiple of four."""
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, -values.shape[-1] % 4)])


def pad_inputs(values: np.ndarray) -> np.ndarray:
    """Pads the second-to-last axis with zeros to a multiple of four."""
    return pad_last(values.swapaxes(-1, -2)).swapaxes(-1, -2)


def array(name: str, values: np.ndarray, kind: str = "float", macro: str = "") -> str:
    """Writes a constant C++ array; nine digits represent every float32 exactly. `macro` is applied to each value."""
    flat = np.asarray(values).ravel()
    words = [literal(value) for value in np.float32(flat)] if kind == "float" else [str(value) for value in flat]
    words = [f"{macro}({word})" for word in words] if macro else words
    rows = (", ".join(words[start : start + 12]) for start in range(0, len(words), 12))
    return f"alignas(64) static const {kind} {name}[] = {{\n  " + ",\n  ".join(rows) + "};"


def literal(value: np.float32) -> str:
    """Writes a C++ literal that represents this float exactly."""
    text = f"{value:.9g}"
    return text + ("f" if "." in text or "e" in text else ".0f")
