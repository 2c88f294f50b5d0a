"""Quantises a folded network to int16: chooses integer weights, shifts and limits, and proves that no result overflows.

Activations are int16 in [-8191, 8191], and weights are int16. Each layer has one scale for its activations, and one for
its weights. The 3x3 convolutions are computed in tiles (Lavin & Gray, Fast Algorithms for Convolutional Neural
Networks, 2016). The transform of a tile's inputs adds four activations, and 4 * 8191 still fits into an int16. The
bounds are computed from the rounded factors of the tiles, which are the numbers that the robot multiplies.
Intermediate sums may wrap around, because addition is modulo 2^n. For every product that is rounded separately, and
for every final sum, this module proves that the value fits into its integer type.

All values are rounded to nearest, and ties are rounded up. The product of two int16 numbers is (a * b + 2^14) >> 15,
and a sum becomes (sum + 2^(s-1)) >> s.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import UserError
from robot_export.cpp.weights import pad_inputs, pad_last, tile_factors
from robot_export.folded_network import FoldedNetwork

LIMIT = 8191  # largest activation
FRACTION = 5  # fractional bits of a pixel: 255 * 32 = 8160
LIGHT = 64  # the number of grey levels that `brightness` may add before pixels are clamped
HEADROOM = 1.25  # LIMIT corresponds to this multiple of the largest activation for the calibration patches
ONE = 1 << 15
_A = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])
_B = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
TO_OUTPUTS = np.kron(_A, _A)  # [4 outputs, 16 products], for one tile
TO_INPUTS = np.kron(_B, _B)  # [16 products, 16 pixels], for one tile


@dataclass(frozen=True)
class Int16Layer:
    """One layer: activation = clamp(leaky((sum of inputs * factors + bias) >> shift)).

    factors: int64 [16, inputs, outputs] for a tiled convolution, otherwise [inputs, outputs]; they fit into int16.
    bias: int64 [outputs]; it includes one half, so that the shift rounds to nearest.
    slope: the slope of LeakyReLU times 2^15; None in the last layer.
    bound: the largest absolute sum that is possible with inputs within their limits.
    """

    name: str
    factors: np.ndarray
    bias: np.ndarray
    shift: int
    slope: int | None
    bound: float


@dataclass(frozen=True)
class Int16Network:
    """The layers, and the conversion of a pixel to an activation: raw * 32 + add[channel], clamped to [low, high].

    In the first layer, each product is rounded, and the sum of the products is not shifted. An output is a sum of the
    last layer divided by 2^shift; the output of a classifier is the base-2 logarithm of the odds.
    """

    input_shape: tuple[int, int, int]
    head: str
    add: np.ndarray
    low: int
    high: int
    layers: tuple[Int16Layer, ...]


def quantise(network: FoldedNetwork, largest: Sequence[float]) -> Int16Network:
    """Chooses the scales of a network that `float_header.check` accepts, and rounds its weights.

    largest: the result of `measure`.

    Raises:
        UserError: the weights of a layer do not fit; the message names the layer.
    """
    add = np.rint(network.shift * 2**FRACTION).astype(np.int64)
    if add.max() > 0 or add.min() < -255 << FRACTION:
        raise UserError(f"the input cannot be converted to int16: its mean is not in 0..1. Received: {network.offset}.")
    low = max(-LIMIT, int(add.min()) - (LIGHT << FRACTION))
    high = min(LIMIT, int(add.max()) + (255 + LIGHT << FRACTION))
    sources = (*network.convolutions, *network.dense)
    layer, unit = _first(sources[0], network.scale / 2**FRACTION, largest[0], low, high)
    layers = [layer]
    for source, factors, most in zip(sources[1:-1], _factors(network), largest[1:], strict=False):
        units = max(most * HEADROOM / LIMIT, 1e-20) * 2.0 ** np.arange(100)
        layer, unit = _later(source, factors * unit, units, range(16, 0, -1))
        layers.append(layer)
    factors, base = pad_last(pad_inputs(sources[-1].weights)), 2 if network.head == "sigmoid" else np.e
    layers.append(_later(sources[-1], factors * unit, [np.log(base)], range(30, -1, -1))[0])
    return Int16Network(network.input_shape, network.head, add, low, high, tuple(layers))


def _factors(network: FoldedNetwork) -> list[np.ndarray]:
    """Returns the factors of all but the first and last layers; inputs and outputs are padded to multiples of four."""
    _, *tiled, last = network.convolutions
    weights = network.dense[0].weights
    hidden = pad_last(pad_inputs(weights.reshape(-1, len(last.bias), weights.shape[1])))
    direct = [values.reshape(-1, values.shape[-1]) for values in (pad_last(pad_inputs(last.weights)), hidden)]
    return [pad_inputs(tile_factors(layer.weights)) for layer in tiled] + direct


def measure(network: FoldedNetwork, X: np.ndarray) -> list[float]:
    """Computes the largest absolute activation of each layer except the last, in float; X: training patches, uint8."""
    x, largest = X * network.scale + np.array(network.offset), []
    for layer in network.convolutions:
        height, width = layer.weights.shape[:2]
        x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))) if layer.padding == "same" else x
        windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(1, 2))
        x = np.tensordot(windows, layer.weights.astype(np.float64), ([3, 4, 5], [2, 0, 1])) + layer.bias
        n, rows, columns, channels = x.shape
        x = x.reshape(n, rows // layer.pool, layer.pool, columns // layer.pool, layer.pool, channels).max((2, 4))
        x = np.maximum(x, layer.slope * x)
        largest.append(float(np.abs(x).max()))
    hidden = x.reshape(len(x), -1) @ network.dense[0].weights.astype(np.float64) + network.dense[0].bias
    return [*largest, float(np.abs(np.maximum(hidden, network.dense[0].slope * hidden)).max())]


def _first(source, scale: float, most: float, low: int, high: int) -> tuple[Int16Layer, float]:
    """Quantises the first layer; returns the layer and the unit of its activations."""
    real, bias = tile_factors(source.weights) * scale, pad_last(source.bias.astype(np.float64))
    rounding = 0.5 * np.abs(TO_OUTPUTS).sum(axis=1).max() * real.shape[1]
    unit = max(most * HEADROOM / LIMIT, 1e-20)
    for _ in range(1000):
        factors, whole = np.rint(real / unit * ONE), np.rint(bias / unit)
        bound = _reach(factors, whole * ONE, low, high) / ONE + rounding
        if np.abs(factors).max() < ONE and bound < ONE:
            return _layer(source, factors, whole, 0, bound), unit
        unit *= 1.02
    raise _too_large(source)


def _later(source, real: np.ndarray, units: Sequence[float], shifts: Sequence[int]) -> tuple[Int16Layer, float]:
    """Quantises a layer with int32 sums; returns the layer and the unit of its activations.

    real: the factors times the unit of the inputs. units, shifts: candidates for the unit of the activations and for
    the shift of the sums, the best candidates first. The first candidates that fit are used.
    """
    for unit in units:
        for shift in shifts:
            if layer := _rounded(source, real, unit, shift):
                return layer, unit
    raise _too_large(source)


def _rounded(source, real: np.ndarray, unit: float, shift: int) -> Int16Layer | None:
    """Rounds a layer for a unit and a shift; returns None if a factor or sum is too large. Float64 is exact here."""
    half = 0 if source.slope is None else 2.0 ** (shift - 1)  # the last layer's sums are not shifted
    real, bias = real.astype(np.float64) / unit, source.bias.astype(np.float64) / unit
    factors, whole = np.rint(real * 2.0**shift), np.rint(pad_last(bias) * 2.0**shift) + half
    bound = _reach(factors, whole, -LIMIT, LIMIT)
    return None if np.abs(factors).max() >= ONE or bound >= 2.0**31 else _layer(source, factors, whole, shift, bound)


def _reach(factors: np.ndarray, bias: np.ndarray, low: int, high: int) -> float:
    """Computes the exact value of the largest absolute sum for inputs in [low, high]; 0 must be in this range."""
    linear = factors[None]  # [outputs of a tile, inputs, output channels]
    if factors.ndim == 3:
        linear = np.einsum("ok,kp,kcn->opcn", TO_OUTPUTS, TO_INPUTS, factors).reshape(4, -1, factors.shape[-1])
    up, down = (np.maximum(sign * linear * low, sign * linear * high).sum(axis=1) for sign in (1, -1))
    return float(np.maximum(up + bias, down - bias).max())


def _layer(source, factors: np.ndarray, bias: np.ndarray, shift: int, bound: float) -> Int16Layer:
    slope = None if source.slope is None else min(int(np.rint(source.slope * ONE)), ONE - 1)
    return Int16Layer(source.name, factors.astype(np.int64), bias.astype(np.int64), shift, slope, bound)


def _too_large(source) -> UserError:
    return UserError(f"layer {source.name} cannot be converted to int16: its weights are too large.")
