"""Any model as a function from patches to answers: a run, one of its exported files, or a file of somebody else.

A foreign file does not say how it is fed and what its outputs mean, so the command line does, in the words of
`layout.py`. Files are data of unknown origin for a runtime in native code: they run in a process of their own, and one
that ends it is an error line. A C++ header or a Keras 2 file has to be a run's own.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.datasets.families import PREFIXES, all_families
from common.datasets.patch_checks import SIDES
from common.errors import UserError
from common.runs.evaluation import model_name
from common.training import devices, safe_keras_file
from common.training.find_model import find_model, read_threshold
from common.training.predictor import make_predictor
from robot_export.foreign_options import RUNTIMES, Foreign, is_exported
from robot_export.isolated_runtime import Isolated
from robot_export.layout import OWN, Layout, term
from robot_export.model_json import Manifest, find_entry, read_beside, read_unchanged

KINDS = {1: "classifier", 3: "detector", 4: "classifier and detector in one"}


@dataclass(frozen=True)
class Scorer:
    """A model, ready to answer.

    predict: X uint8 [n, size, size, channels] -> float32 [n, outputs]; outputs are ball, or radius, x and y, or all 4.
    rule: by which its patches were sampled. border: pixels by which they were cut larger than the candidate.
    trained_on: digest of the patches that it was trained on, None if unknown.
    threshold: a score at or above it is a ball; None for a detector. file: None for one that is not a model.
    """

    name: str
    file: Path | None
    size: int
    channels: int
    outputs: int
    predict: Callable
    rule: str = "centres"
    border: int = 0
    trained_on: str | None = None
    threshold: float | None = None
    threshold_from: str = ""

    @property
    def takes(self) -> str:
        """Size, channels and border of its patches, in words."""
        return f"{self.size}x{self.size}x{self.channels}, border {self.border}"


def open_scorer(path: Path, wanted: tuple[int, ...], given: Foreign, threshold: float | None = None) -> Scorer:
    """Opens a model of any kind.

    Args:
        path: a run, a .keras file, a file that the model.json beside it lists, or any TFLite or ONNX file.
        wanted: numbers of outputs that will do, of KINDS. given: of a file that no model.json lists.
        threshold: of the command line; None: the shipped one.

    Raises:
        UserError: not a model, or one of another kind.
    """
    scorer = _exported(path, given, threshold) if is_exported(path) else _keras(path, threshold)
    if scorer.outputs not in wanted:
        kinds = " or ".join(KINDS[number] for number in wanted)
        raise UserError(f"{path}: not a {kinds}. Received: {KINDS.get(scorer.outputs, f'{scorer.outputs} outputs')}.")
    return scorer


def _keras(path: Path, threshold: float | None) -> Scorer:
    file = find_model(path)
    told = read_beside(file)
    devices.find_gpus()
    model = safe_keras_file.load(file)
    shape, outputs = tuple(model.input_shape), tuple(model.output_shape)
    _check(file, shape[1:], outputs)
    value, origin = read_threshold(file, threshold) if outputs[1] in (1, 4) else (None, "")
    known = {**_sampled(told), "threshold": value, "threshold_from": origin}
    return Scorer(model_name(file), file, shape[1], shape[3], outputs[1], make_predictor(model), **known)


def _exported(path: Path, given: Foreign, threshold: float | None) -> Scorer:
    """An exported file, described by the model.json beside it or by the command line."""
    if not path.is_file():
        raise UserError(f"there is no such file. Received: {path}.")
    told, name = find_entry(path) or (None, "")
    file = told.formats[name] if told else None
    if file:
        read_unchanged(path.parent, file)
    opened = Isolated(path, file.runtime if file else RUNTIMES[path.suffix.lower()])
    foreign = Layout(given.scale, given.offset, opened.dtype, given.columns, given.outputs)
    layout = Layout.of(file, told.input) if file else foreign
    own = _own_outputs(path, layout, opened)
    _check(path, opened.shape, (None, len(own)))
    size, value, origin = opened.shape[0], threshold, "from the command line"
    if len(own) == 3:
        value, origin = None, ""
    elif value is None:
        value, origin = ((told and told.threshold) or {}).get(name), f"shipped with {path.name} (model.json)"
        if value is None:
            raise UserError(f"{path}: no model.json says its threshold. Give one with --threshold.")

    def predict(X):
        return layout.read(opened.predict(layout.feed(X)), size)

    known = {**_sampled(told), "threshold": value, "threshold_from": origin}
    known["rule"] = known["rule"] if told else given.sampling
    label = f"{path.resolve().parent.name}/{path.name}" if told else path.name
    return Scorer(label, path, size, opened.shape[2], len(own), predict, **known)


def _check(path: Path, shape: tuple, outputs: tuple) -> None:
    """Refuses what takes other than square patches of one or two channels."""
    square = len(shape) == 3 and shape[0] == shape[1] and shape[0] in SIDES and shape[2] in (1, 2)
    if not square or len(outputs) != 2 or outputs[1] not in KINDS:
        raise UserError(
            f"{path}: not a network for patches of 16x16 or 32x32 pixels and 1 or 2 channels, with 1, 3 or 4 outputs. "
            f"Received: {shape} to {outputs}."
        )


def _own_outputs(path: Path, layout: Layout, opened: Isolated) -> Collection:
    """Those of our outputs that a file has; refuses a layout that is not the file's."""
    if layout.dtype != opened.dtype or opened.dtype not in ("float32", "uint8"):
        raise UserError(f"{path}: it must take float32 or uint8, as model.json says. Received: {opened.dtype}.")
    if len(layout.offset) not in (1, *opened.shape[-1:]):
        raise UserError(f"--input-offset takes one number, or one per channel. Received: {layout.offset}.")
    if layout.outputs is None:
        return range(opened.outputs)
    named = " ".join(layout.outputs)
    if len(layout.outputs) != opened.outputs:
        raise UserError(f"{path}: it has {opened.outputs} outputs, so --outputs takes as many. Received: {named}.")
    own = {term(output, 1)[0] for output in layout.outputs} - {None}
    if own not in map(set, OWN.values()):
        raise UserError(f"{path}: outputs are ball, or radius, x and y, or all four. Received: {named}.")
    return own


def _sampled(told: Manifest | None) -> dict:
    """How a run's patches were sampled, the robot's rule where it does not say; their border, by its family."""
    if told is None:
        return {"rule": "centres"}
    train = told.datasets["train"]
    borders = {family.stem: family.border for task in PREFIXES for family in all_families(task)}
    known = {"border": borders.get(train["name"], 0), "trained_on": train["digest"]}
    return known | {"rule": told.input.sampling_rule or "centres"}


def check_pair(classifier: Scorer, detector: Scorer | None) -> None:
    """Refuses a detector that does not take the classifier's patches.

    Raises:
        UserError: they differ in size, colour, sampling or border.
    """
    if detector is None:
        return
    one, other = (f"{model.takes}, sampling {model.rule}" for model in (classifier, detector))
    if one != other:
        raise UserError(f"classifier and detector take different patches. Received: {one}; {other}.")


def every_patch(detector: Scorer) -> Scorer:
    """A classifier that takes every patch for a ball, for a detector that is alone."""
    return replace(
        detector,
        file=None,
        outputs=1,
        predict=_certain,
        threshold=0.5,
        threshold_from="every patch is taken for a ball",
    )


def _certain(X: np.ndarray) -> np.ndarray:
    return np.ones((len(X), 1), np.float32)
