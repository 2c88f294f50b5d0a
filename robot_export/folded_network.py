"""Turns a trained network into weights and sizes: folds batch normalisation, removes dropout, checks every layer.

All exported files are made from this folded network: C++ header, ONNX, TFLite, Keras 2.
"""

from dataclasses import dataclass, replace

import numpy as np

from common.errors import UserError


@dataclass(frozen=True)
class Convolution:
    """A convolution with stride 1, followed by an activation and pooling; padding "same" adds zeros around the input.

    weights: float32 [kernel height, kernel width, inputs, outputs]. bias: float32 [outputs].
    slope: the slope of the LeakyReLU, or None. pool: the side and stride of the max pooling; 1 if there is no pooling.
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    padding: str
    slope: float | None = None
    pool: int = 1


@dataclass(frozen=True)
class DenseLayer:
    """A dense layer and its activation.

    weights: float32 [inputs, outputs]; the inputs of the first dense layer are flattened [row][column][channel].
    bias: float32 [outputs]. slope: the slope of the LeakyReLU, or None.
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    slope: float | None = None


@dataclass(frozen=True)
class FoldedNetwork:
    """A whole network: raw * scale + offset, convolutions, dense layers, head.

    input_shape: (height, width, channels) of raw 0..255. scale: one factor for all channels.
    offset: the negative mean of each channel, added after scaling. The zeros of the padding are added after the offset.
    convolutions, dense: the layers in order; the last dense layer is the output. head: "sigmoid" or "linear".
    """

    input_shape: tuple[int, int, int]
    scale: float
    offset: tuple[float, ...]
    convolutions: tuple[Convolution, ...]
    dense: tuple[DenseLayer, ...]
    head: str

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return len(self.dense[-1].bias)

    @property
    def shift(self) -> np.ndarray:
        """float64 [channels], the offset to add to raw values before `scaled_convolutions`."""
        return np.array(self.offset) / self.scale

    @property
    def scaled_convolutions(self) -> tuple[Convolution, ...]:
        """The convolutions, with the scale multiplied into the weights of the first convolution.

        The offset cannot be part of a bias, because the zeros of the padding are added after the offset.
        """
        first, *later = self.convolutions
        return replace(first, weights=first.weights * np.float32(self.scale)), *later


@dataclass(frozen=True)
class Joint:
    """What a file computes: the concatenated outputs of networks with the same input patch.

    mix: a last layer that converts these outputs for a robot's code; None if the code reads them unchanged.
    """

    branches: tuple[FoldedNetwork, ...]
    mix: DenseLayer | None = None


def fold(model) -> FoldedNetwork:
    """Folds a trained keras.Model of one of our two projects. The computation uses double precision.

    Raises:
        UserError: a layer is unknown, out of order, has an unexpected shape, or has NaN or infinite weights; the
            message names the layer.
    """
    reader = _Reader(_chain(model))
    shape = tuple(model.input_shape[1:])
    scale, offset = _scaling(reader.take("Rescaling"), shape)
    convolutions = []
    while reader.next_is("Conv2D"):
        convolutions.append(_convolution(reader))
    reader.take("Flatten")
    dense = []
    while reader.next_is("Dense"):
        dense.append(_dense(reader))
    head = "linear"
    if reader.next_is("Activation"):
        head = "sigmoid"
        _check(reader.take("Activation"), activation=head)
    if reader.layers:
        reader.take("the end")
    if not dense or dense[-1].slope is not None:
        raise UserError(f"{model.name} cannot be exported: it must end with a dense layer without LeakyReLU.")
    return FoldedNetwork(shape, scale, offset, tuple(convolutions), tuple(dense), head)


class _Reader:
    """Reads the layers of a chain one after the other."""

    def __init__(self, layers: list):
        self.layers = layers  # the layers that have not been read yet

    def next_is(self, kind: str) -> bool:
        return bool(self.layers) and type(self.layers[0]).__name__ == kind

    def take(self, kind: str):
        if not self.layers:
            raise UserError(f"the model cannot be exported: it ends where {kind} is expected.")
        if not self.next_is(kind):
            _refuse(self.layers[0], f"it is unknown or in the wrong place: {kind} is expected there")
        return self.layers.pop(0)


def _refuse(layer, why: str):
    raise UserError(f"layer {layer.name} ({type(layer).__name__}) cannot be exported: {why}.")


def _check(layer, **wanted) -> None:
    """Refuses a layer unless all its settings have the values in `wanted`."""
    for name, value in wanted.items():
        found = getattr(layer, name)
        found = found.__name__ if name == "activation" else found
        if found != value:
            _refuse(layer, f"{name} must be {value}, not {found}")


def _chain(model) -> list:
    """Lists the layers that compute something; the input of each must be the output of the layer before it."""
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    if type(model).__name__ not in ("Functional", "Sequential") or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UserError(f"{model.name} cannot be exported: it is not a functional model with one input and one output.")
    tensor = model.inputs[0]
    for layer in layers:
        if layer.input is not tensor:
            _refuse(layer, "its input is not the output of the layer before it: branches are not supported")
        tensor = layer.output
    if model.outputs[0] is not tensor:
        raise UserError(f"{model.name} cannot be exported: its output is not that of its last layer.")
    return [layer for layer in layers if type(layer).__name__ != "Dropout"]


def _scaling(layer, shape: tuple) -> tuple[float, tuple[float, ...]]:
    if len(shape) != 3 or None in shape:
        _refuse(layer, f"patches are [height, width, channels] of fixed size, not {shape}")
    scale, offset = (np.asarray(value, np.float64).ravel() for value in (layer.scale, layer.offset))
    finite = np.isfinite(scale).all() and np.isfinite(offset).all()
    if len(scale) != 1 or len(offset) not in (1, shape[-1]) or not finite or scale[0] <= 0:
        wanted = "one positive scale and one offset per channel are expected, all finite"
        _refuse(layer, f"{wanted}, not {layer.scale} and {layer.offset}")
    return float(scale[0]), tuple(np.broadcast_to(offset, shape[-1:]).tolist())


def _convolution(reader: _Reader) -> Convolution:
    layer = reader.take("Conv2D")
    _check(layer, strides=(1, 1), dilation_rate=(1, 1), groups=1, data_format="channels_last", activation="linear")
    gain, shift = 1.0, 0.0
    if reader.next_is("BatchNormalization"):
        gain, shift = _normalisation(reader.take("BatchNormalization"))
    weights, bias = _numbers(layer, layer.kernel) * gain, _bias(layer) * gain + shift
    slope = _slope(reader)
    pool = _pool(reader.take("MaxPooling2D")) if reader.next_is("MaxPooling2D") else 1
    return Convolution(layer.name, _float32(layer, weights), _float32(layer, bias), layer.padding, slope, pool)


def _normalisation(layer) -> tuple[np.ndarray, np.ndarray]:
    """Returns the factor and the summand that the layer applies to each channel during inference."""
    if layer.axis not in (-1, 3):
        _refuse(layer, f"it must normalise channels (axis -1), not axis {layer.axis}")
    variance = _numbers(layer, layer.moving_variance)
    if (variance < 0).any():
        _refuse(layer, f"a variance cannot be negative, but {variance.min()} is among its moving variances")
    gain = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        gain = gain * _numbers(layer, layer.gamma)
    shift = -_numbers(layer, layer.moving_mean) * gain
    return gain, shift + _numbers(layer, layer.beta) if layer.center else shift


def _dense(reader: _Reader) -> DenseLayer:
    layer = reader.take("Dense")
    _check(layer, activation="linear")
    weights, bias = _float32(layer, _numbers(layer, layer.kernel)), _float32(layer, _bias(layer))
    return DenseLayer(layer.name, weights, bias, _slope(reader))


def _slope(reader: _Reader) -> float | None:
    if not reader.next_is("LeakyReLU"):
        return None
    layer = reader.take("LeakyReLU")
    # With a slope in [0, 1], the activation is max(x, slope * x), so pooling can be done before it.
    if not 0 <= layer.negative_slope <= 1:
        _refuse(layer, f"its slope must be in [0, 1], not {layer.negative_slope}")
    return float(layer.negative_slope)


def _pool(layer) -> int:
    size, strides = tuple(layer.pool_size), tuple(layer.strides)
    height, width = layer.input.shape[1:3]
    if size[0] != size[1] or strides != size or height % size[0] or width % size[0]:
        _refuse(
            layer,
            f"its windows must be square and tile the {height}x{width} input, not {size} with strides {strides}",
        )
    return size[0]


def _bias(layer) -> np.ndarray:
    return _numbers(layer, layer.bias) if layer.use_bias else np.zeros(layer.kernel.shape[-1])


def _numbers(layer, variable) -> np.ndarray:
    values = np.asarray(variable.numpy(), np.float64)
    if not np.isfinite(values).all():
        _refuse(layer, f"{np.sum(~np.isfinite(values))} of its {values.size} weights are not finite")
    return values


def _float32(layer, values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        small = np.asarray(values, np.float32)
    if not np.isfinite(small).all():
        _refuse(layer, "its weights with batch normalisation folded in exceed the range of float32")
    small.flags.writeable = False
    return small
