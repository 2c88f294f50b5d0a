"""Computes the exact outputs of the int16 header in NumPy; every compiled header must return the same bits."""

from dataclasses import dataclass

import numpy as np

from robot_export.cpp.int16_quantise import FRACTION, LIMIT, ONE, TO_INPUTS, TO_OUTPUTS, Int16Network

_BLOCK = 256  # patches at a time
# Polynomial for 2^-f with f in [0, 1): coefficients in units of 2^-30, highest power first. Its error is at most 6e-8.
EXP2 = (-1016701, 9888282, -59375904, 257890191, -744256774, 1073741764)


@dataclass(frozen=True)
class Prediction:
    """The result of `predict`.

    outputs: float32 [n, outputs]. clamped: {layer: [number of clamped activations, number of all activations]}.
    """

    outputs: np.ndarray
    clamped: dict[str, list[int]]


def predict(network: Int16Network, X: np.ndarray, brightness: float = 0.0) -> Prediction:
    """Computes the outputs for patches X [n, height, width, channels], in uint8 or in float32 with the range 0..255.

    brightness: a number that is added to Y; 1 is the full range.
    """
    outputs, clamped = [], {layer.name: np.zeros(2, int) for layer in network.layers[:-1]}
    for start in range(0, len(X), _BLOCK):
        x = _pixels(network, X[start : start + _BLOCK], brightness)
        for number, layer in enumerate(network.layers):
            if number < 3:
                sums = _tiles(x, layer.factors, rounded=number == 0)
            else:
                size = 2 if number == 3 else x.shape[1] if x.ndim == 4 else 0
                sums = _direct(x, layer.factors, size)
            x = sums + layer.bias
            if np.abs(x).max() > layer.bound:
                raise ArithmeticError(f"layer {layer.name}: a sum is larger than its bound.")
            if layer.slope is not None:
                x, count = _activation(x >> layer.shift, layer.slope)
                clamped[layer.name] += count, x.size
        outputs.append(answer(network, x.reshape(len(x), -1)))
    return Prediction(np.concatenate(outputs), {name: [int(n), int(of)] for name, (n, of) in clamped.items()})


def _pixels(network: Int16Network, X: np.ndarray, brightness: float) -> np.ndarray:
    """Converts pixels to int64. Floats are rounded to nearest (ties upwards), and NaN becomes the lowest value."""
    if X.dtype == np.uint8:
        whole = X.astype(np.int64) << FRACTION
    else:
        large = X.astype(np.float32) * np.float32(1 << FRACTION)
        large = np.where(large > -65536, np.minimum(large, np.float32(65536)), np.float32(-65536))
        whole = np.floor(large + np.float32(0.5)).astype(np.int64)
    add = network.add.copy()
    add[0] += light(brightness)
    return np.clip(whole + add, network.low, network.high)


def light(brightness: float) -> int:
    """Rounds a brightness to a multiple of 2^-12, clamps it to [-4, 4] and converts it to the unit of pixels."""
    steps = np.float32(brightness) * np.float32(4096)
    steps = np.float32(min(steps, np.float32(16384)) if steps > -16384 else -16384)
    return (int(np.floor(steps + np.float32(0.5))) * (255 << FRACTION) + 2048) >> 12


def _tiles(x: np.ndarray, factors: np.ndarray, rounded: bool) -> np.ndarray:
    """Computes a 3x3 convolution and max pooling by 2: [n, side, side, c] -> [n, side / 2, side / 2, outputs].

    Float64 arithmetic is exact here, because all numbers are integers below 2^53.
    """
    n, side, _, channels = x.shape
    around = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(around, (4, 4), axis=(1, 2))[:, ::2, ::2]
    values = (windows.reshape(-1, channels, 16) @ TO_INPUTS.T).transpose(2, 0, 1)  # [16, tiles, channels]
    if rounded:
        terms = (values[:, :, c, None].astype(np.int32) * factors[:, None, c].astype(np.int32) for c in range(channels))
        products = sum((term + (ONE >> 1)) >> 15 for term in terms).astype(np.float64)
    else:
        products = values @ factors
    sums = TO_OUTPUTS @ products.reshape(16, -1)
    return sums.max(axis=0).astype(np.int64).reshape(n, side // 2, side // 2, -1)


def _direct(x: np.ndarray, factors: np.ndarray, size: int) -> np.ndarray:
    """Computes an unpadded convolution with a kernel of this size, or a dense layer if the size is 0."""
    if size:
        windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
        x = windows.reshape(*windows.shape[:3], -1)
    return (x.astype(np.float64) @ factors).astype(np.int64)


def _activation(x: np.ndarray, slope: int) -> tuple[np.ndarray, int]:
    """Clamps to int16, applies LeakyReLU, clamps to the limit, and counts the values that exceeded the limit."""
    narrow = np.clip(x, -ONE, ONE - 1)
    leaky = np.maximum(narrow, (narrow * slope + (ONE >> 1)) >> 15)
    return np.clip(leaky, -LIMIT, LIMIT), int(np.sum(np.abs(leaky) > LIMIT))


def answer(network: Int16Network, sums: np.ndarray) -> np.ndarray:
    """Converts the last layer's sums to outputs, float32 [n, outputs]; each step is exact or correctly rounded."""
    shift = network.layers[-1].shift
    if network.head == "linear":
        return sums[:, :3].astype(np.float32) * np.float32(2.0**-shift)
    size = np.abs(sums[:, :1])
    whole, part = size >> shift, (size & ((1 << shift) - 1)) << (30 - shift)
    power = np.full_like(part, EXP2[0])
    for term in EXP2[1:]:
        power = term + ((power * part) >> 30)
    small = (power >> 7).astype(np.float32) * np.float32(2.0) ** (-23 - np.minimum(whole, 100)).astype(np.float32)
    return np.where(sums[:, :1] < 0, small, np.float32(1)) / (np.float32(1) + small)
