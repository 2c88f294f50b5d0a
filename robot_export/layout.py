"""Describes the input and output of a file, and builds a network with this layout."""

from dataclasses import dataclass, replace

import numpy as np

from robot_export.folded_network import DenseLayer, FoldedNetwork, Joint
from robot_export.model_json import ExportedFile, Input

# The names of our networks' outputs, by the number of outputs.
OWN = {1: ("ball",), 3: ("radius", "x", "y"), 4: ("ball", "radius", "x", "y")}
# The outputs that a robot's code may read: (our output, factor, summand). For outputs in pixels, `term` multiplies the
# factor by the patch's side.
TERMS = {name: (name, 1, 0) for name in OWN[4]}
TERMS |= {"1 - ball": ("ball", -1, 1), "logit": ("ball", 1, 0), "0": (None, 0, 0)}
TERMS["2 radius"] = ("radius", 2, 0)  # the diameter, or the radius in units of half the patch's side
PIXELS = " px"


@dataclass(frozen=True)
class Layout:
    """The input of a file, computed from raw pixels 0..255, and its outputs.

    scale, offset: its input is raw * scale + offset, one offset per channel. dtype: "float32" or "uint8".
    columns: its input is [column][row][channel] instead of [row][column][channel].
    outputs: its outputs, as named in `TERMS`; None for the outputs of our networks.
    """

    scale: float = 1.0
    offset: tuple[float, ...] = (0.0,)
    dtype: str = "float32"
    columns: bool = False
    outputs: tuple[str, ...] | None = None

    def as_json(self) -> dict:
        """Returns the layout for model.json, without the dtype, which is stored as the file's `input_type`."""
        outputs = list(self.outputs) if self.outputs else None
        return {"scale": self.scale, "offset": list(self.offset), "columns": self.columns, "outputs": outputs}

    @staticmethod
    def of(file: ExportedFile, given: Input) -> "Layout":
        """Returns the layout of a file that model.json lists. Exports from before November 2026 use other fields."""
        if told := file.layout:
            outputs = told["outputs"] and tuple(told["outputs"])
            return Layout(told["scale"], tuple(told["offset"]), file.input_type, told["columns"], outputs)
        scale, offset = (given.scale, np.array(given.offset)) if file.normalised else (1.0, np.zeros(1))
        step, zero = (file.quantised or {"scale": 1.0, "zero_point": 0}).values()
        return Layout(scale / step, tuple((offset / step + zero).tolist()), file.input_type)

    def feed(self, X: np.ndarray) -> np.ndarray:
        """Converts uint8 patches [n, row, column, channel] to the input of the file."""
        X = X.transpose(0, 2, 1, 3) if self.columns else X
        values = X.astype(np.float32) * np.float32(self.scale) + np.asarray(self.offset, np.float32)
        if self.dtype == "uint8":
            return np.clip(np.round(values), 0, 255).astype(np.uint8)
        return values

    def read(self, answers: np.ndarray, size: int) -> np.ndarray:
        """Converts the file's outputs to those of our networks [n, 1, 3 or 4], as the robot's code does."""
        if self.outputs is None:
            return answers
        columns = {}
        for place, output in enumerate(self.outputs):
            name, factor, summand = term(output, size)
            values = (answers[:, place] - np.float32(summand)) / np.float32(factor or 1)
            columns.setdefault(name, 1 / (1 + np.exp(-values)) if output == "logit" else values)
        own = next(names for names in OWN.values() if set(names) == columns.keys() - {None})
        return np.stack([columns[name] for name in own], axis=1)

    def network(self, *networks: FoldedNetwork) -> Joint:
        """Joins the networks into one network that has the input and the outputs of this layout."""
        branches = tuple(_fed(network, self) for network in networks)
        if self.outputs is None:
            return Joint(branches)
        if "logit" in self.outputs:
            branches = tuple(replace(branch, head="linear") for branch in branches)
        size, own = networks[0].input_shape[0], OWN[sum(network.outputs for network in networks)]
        weights, bias = np.zeros((len(own), len(self.outputs)), np.float32), np.zeros(len(self.outputs), np.float32)
        for place, output in enumerate(self.outputs):
            name, factor, bias[place] = term(output, size)
            if name is not None:
                weights[own.index(name), place] = factor
        if np.array_equal(weights, np.eye(len(own))) and not bias.any():
            return Joint(branches)
        return Joint(branches, DenseLayer("answers_as_read", weights, bias))


def term(output: str, size: int) -> tuple[str | None, float, float]:
    """Returns (our output, factor, summand) for an output that a robot's code reads."""
    name, factor, summand = TERMS[output.removesuffix(PIXELS)]
    return name, factor * (size if output.endswith(PIXELS) else 1), summand


def _fed(network: FoldedNetwork, layout: Layout) -> FoldedNetwork:
    """Changes a network so that it takes input values that are already scaled and shifted, and possibly transposed."""
    gain = network.scale / layout.scale
    offset = tuple((np.array(network.offset) - gain * np.array(layout.offset)).tolist())
    network = replace(network, scale=gain, offset=offset)
    if not layout.columns:
        return network
    turned = tuple(replace(layer, weights=layer.weights.transpose(1, 0, 2, 3)) for layer in network.convolutions)
    first, channels = network.dense[0], network.convolutions[-1].weights.shape[-1]
    side = round((len(first.weights) / channels) ** 0.5)
    by_place = first.weights.reshape(side, side, channels, -1).transpose(1, 0, 2, 3)
    dense = (replace(first, weights=by_place.reshape(first.weights.shape)), *network.dense[1:])
    return replace(network, convolutions=turned, dense=dense)
