"""Makes any model a function from patches to outputs: a run, one of its exported files, or somebody else's file.

Somebody else's file does not describe its input and outputs, so the command line does, with the names in `layout.py`.
Exported files are untrusted data for a native runtime, so they run in a separate process; if one ends that process,
this is one error line. A C++ header or a Keras 2 file must be a run's own.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.datasets.families import PREFIXES, all_families
from common.datasets.patch_checks import SIDES
from common.errors import UserError
from common.runs.evaluation import model_name
from common.training import devices_and_seeds, safe_keras_file
from common.training.find_model import find_model, read_threshold
from common.training.predictor import make_predictor
from robot_export.foreign_options import RUNTIMES, Foreign, is_exported
from robot_export.isolated_runtime import Isolated
from robot_export.layout import OWN, Layout, term
from robot_export.model_json import Manifest, find_entry, read_beside

KINDS = {1: "classifier", 3: "detector", 4: "classifier and detector in one"}


@dataclass(frozen=True)
class Scorer:
    """A model that is ready to predict.

    predict: X uint8 [n, size, size, channels] -> float32 [n, outputs]; outputs are ball, or radius, x and y, or all 4.
    rule: the sampling rule of its patches. border: pixels by which they are larger than the candidate.
    trained_on: digest of its training patches, None if unknown.
    threshold: a score at or above it is a ball; None for a detector. file: None without a model.
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
        """Size, channels and border of its patches, as text."""
        return f"{self.size}x{self.size}x{self.channels}, border {self.border}"


def open_scorer(path: Path, wanted: tuple[int, ...], given: Foreign, threshold: float | None = None) -> Scorer:
    """Opens a model of any kind.

    Args:
        path: a run, a .keras file, a file that the model.json beside it lists, or any TFLite or ONNX file.
        wanted: the accepted numbers of outputs, keys of KINDS. given: the description of somebody else's file.
        threshold: from the command line; None for the model's own.

    Raises:
        UserError: it is not a model, or is a model of another kind.
    """
    scorer = _exported(path, given, threshold) if is_exported(path) else _keras(path, threshold)
    if scorer.outputs not in wanted:
        kinds = " or ".join(KINDS[number] for number in wanted)
        raise UserError(f"{path}: not a {kinds}. Received: {KINDS.get(scorer.outputs, f'{scorer.outputs} outputs')}.")
    return scorer


def _keras(path: Path, threshold: float | None) -> Scorer:
    file = find_model(path)
    told = read_beside(file)
    devices_and_seeds.find_gpus()
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
    opened = Isolated(path, file.runtime if file else RUNTIMES[path.suffix.lower()])
    layout = Layout.of(file, told.input) if file else replace(given.layout, dtype=opened.dtype)
    own = _own_outputs(path, layout, opened)
    _check(path, opened.shape, (None, len(own)))
    size, value, origin = opened.shape[0], threshold, "from the command line"
    if len(own) == 3:
        value, origin = None, ""
    elif value is None:
        value, origin = ((told and told.threshold) or {}).get(name), f"shipped with {path.name} (model.json)"
        if value is None:
            raise UserError(f"{path}: it has no threshold in a model.json. Pass one with --threshold.")

    def predict(X):
        return layout.read(opened.predict(layout.feed(X)), size)

    known = {**_sampled(told), "threshold": value, "threshold_from": origin}
    known["rule"] = known["rule"] if told else given.sampling
    label = f"{path.resolve().parent.name}/{path.name}" if told else path.name
    return Scorer(label, path, size, opened.shape[2], len(own), predict, **known)


def _check(path: Path, shape: tuple, outputs: tuple) -> None:
    """Refuses a model unless it takes square patches with one or two channels."""
    square = len(shape) == 3 and shape[0] == shape[1] and shape[0] in SIDES and shape[2] in (1, 2)
    if not square or len(outputs) != 2 or outputs[1] not in KINDS:
        raise UserError(
            f"{path}: not a network for patches of 16x16 or 32x32 pixels and 1 or 2 channels, with 1, 3 or 4 outputs. "
            f"Received: {shape} to {outputs}."
        )


def _own_outputs(path: Path, layout: Layout, opened: Isolated) -> Collection:
    """The outputs of ours that a file has; refuses a layout that does not match the file."""
    if layout.dtype != opened.dtype or opened.dtype not in ("float32", "uint8"):
        raise UserError(f"{path}: its input must be float32 or uint8, as in model.json. Received: {opened.dtype}.")
    if len(layout.offset) not in (1, *opened.shape[-1:]):
        raise UserError(f"--input-offset needs one number, or one per channel. Received: {layout.offset}.")
    if layout.outputs is None:
        return range(opened.outputs)
    named = " ".join(layout.outputs)
    if len(layout.outputs) != opened.outputs:
        raise UserError(f"{path}: it has {opened.outputs} outputs, so --outputs needs as many. Received: {named}.")
    own = {term(output, 1)[0] for output in layout.outputs} - {None}
    if own not in map(set, OWN.values()):
        raise UserError(f"{path}: outputs must be ball, or radius, x and y, or all four. Received: {named}.")
    return own


def _sampled(told: Manifest | None) -> dict:
    """The sampling rule of a run, the robot's if none was recorded; the border of its family; its training patches."""
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
    """A classifier that accepts every patch as a ball, for a detector without a classifier."""
    return replace(
        detector,
        file=None,
        outputs=1,
        predict=_certain,
        threshold=0.5,
        threshold_from="every patch counts as a ball",
    )


def _certain(X: np.ndarray) -> np.ndarray:
    return np.ones((len(X), 1), np.float32)
