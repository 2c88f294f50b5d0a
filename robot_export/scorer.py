"""Makes any model a function from patches to outputs: a run, one of its exported files, or somebody else's file.

Somebody else's file does not describe its input and outputs, so the command line does, with the names in `layout.py`.
Such a file is untrusted data for a native runtime, so it runs in a separate process; if it ends that process, this is
one error line.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.atomic_files import read_json
from common.datasets.families import PREFIXES, all_families
from common.datasets.patch_checks import SIDES
from common.datasets.sampling_rules import RULES
from common.errors import UserError
from common.runs.evaluation import model_name
from common.training import devices_and_seeds, safe_keras_file
from common.training.find_model import find_model, read_threshold
from common.training.predictor import make_predictor
from robot_export.foreign_options import RUNTIMES, Foreign
from robot_export.isolated_runtime import Isolated
from robot_export.layout import OWN, Layout, term

KINDS = {1: "classifier", 3: "detector", 4: "classifier and detector in one"}


@dataclass(frozen=True)
class Scorer:
    """A model that is ready to predict.

    predict: X uint8 [n, size, size, channels] -> float32 [n, outputs]; outputs are ball, or radius, x and y, or all 4.
    rule: the sampling rule of its patches. border: pixels by which they are larger than the candidate.
    threshold: a score at or above it is a ball; None for a detector. file: None if there is no model behind it.
    """

    name: str
    file: Path | None
    size: int
    channels: int
    outputs: int
    predict: Callable
    rule: str = "centres"
    border: int = 0
    threshold: float | None = None
    threshold_from: str = ""


def open_scorer(path: Path, wanted: tuple[int, ...], given: Foreign, threshold: float | None = None) -> Scorer:
    """Opens a model of any kind.

    Args:
        path: a run, a .keras file, or a TFLite or ONNX file; the run's own files are described by its model.json.
        wanted: the accepted numbers of outputs, keys of KINDS. given: the description of somebody else's file.
        threshold: from the command line; None for the model's own.

    Raises:
        UserError: it is not a model, or is a model of another kind.
    """
    scorer = _exported(path, given, threshold) if path.suffix.lower() in RUNTIMES else _keras(path, threshold)
    if scorer.outputs not in wanted:
        kinds = " or ".join(KINDS[number] for number in wanted)
        raise UserError(f"{path}: not a {kinds}. Received: {KINDS.get(scorer.outputs, f'{scorer.outputs} outputs')}.")
    return scorer


def _keras(path: Path, threshold: float | None) -> Scorer:
    file = find_model(path)
    devices_and_seeds.find_gpus()
    model = safe_keras_file.load(file)
    shape, outputs = tuple(model.input_shape), tuple(model.output_shape)
    _check(file, shape, outputs)
    value, origin = read_threshold(file, threshold) if outputs[1] in (1, 4) else (None, "")
    told = _told(file) if file.name == "model.keras" else {}
    known = {"rule": _rule(told), "border": _border(told), "threshold": value, "threshold_from": origin}
    return Scorer(model_name(file), file, shape[1], shape[3], outputs[1], make_predictor(model), **known)


def _exported(path: Path, given: Foreign, threshold: float | None) -> Scorer:
    """A TFLite or ONNX file, described by the model.json beside it or by the command line."""
    if not path.is_file():
        raise UserError(f"there is no such file. Received: {path}.")
    opened = Isolated(path, RUNTIMES[path.suffix.lower()])
    told = _told(path)
    name, entry = _entry(told, path)
    layout = (
        _layout_in(entry, path)
        if entry
        else Layout(given.scale, given.offset, opened.dtype, given.columns, given.outputs)
    )
    size = opened.shape[1]
    _check_layout(path, layout, opened)
    own = {term(output, size)[0] for output in layout.outputs} - {None} if layout.outputs else range(opened.outputs)
    _check(path, opened.shape, (None, len(own)))
    value, origin = threshold, "from the command line"
    if len(own) == 3:
        value, origin = None, ""
    elif value is None and entry:
        value, origin = _threshold_in(told, name, path), f"shipped with {path.name} (model.json)"
    elif value is None:
        raise UserError(f"{path}: it has no threshold in a model.json. Pass one with --threshold.")

    def predict(X):
        return layout.read(opened.predict(layout.feed(X)), size)

    rule, border = (_rule(told), _border(told)) if entry else (given.sampling, 0)
    label = f"{path.resolve().parent.name}/{path.name}" if entry else path.name
    return Scorer(label, path, size, opened.shape[3], len(own), predict, rule, border, value, origin)


def _check(path: Path, shape: tuple, outputs: tuple) -> None:
    """Refuses a model unless it takes square patches with one or two channels."""
    square = len(shape) == 4 and shape[1] == shape[2] and shape[1] in SIDES and shape[3] in (1, 2)
    if not square or len(outputs) != 2 or outputs[1] not in KINDS:
        raise UserError(
            f"{path}: not a network for patches of 16x16 or 32x32 pixels and 1 or 2 channels, with 1, 3 or 4 outputs. "
            f"Received: {shape} to {outputs}."
        )


def _check_layout(path: Path, layout: Layout, opened: Isolated) -> None:
    if opened.dtype not in ("float32", "uint8") or layout.dtype != opened.dtype:
        raise UserError(f"{path}: its input must be float32 or uint8, as in model.json. Received: {opened.dtype}.")
    if layout.outputs is not None and len(layout.outputs) != opened.outputs:
        named = " ".join(layout.outputs)
        raise UserError(f"{path}: it has {opened.outputs} outputs, so --outputs needs as many. Received: {named}.")
    if layout.outputs is not None and {term(output, 1)[0] for output in layout.outputs} - {None} not in map(
        set, OWN.values()
    ):
        raise UserError(f"{path}: outputs must be ball, or radius, x and y, or all four. Received: {layout.outputs}.")
    if len(layout.offset) not in (1, opened.shape[-1]):
        raise UserError(f"--input-offset needs one number, or one per channel. Received: {layout.offset}.")


def _told(path: Path) -> dict:
    """The model.json beside a file; {} if there is none."""
    beside = path.with_name("model.json")
    return read_json(beside) if beside.is_file() else {}


def _entry(told: dict, path: Path) -> tuple[str, dict | None]:
    """Name and entry of a file in model.json; None if it does not belong to the run."""
    forms = told.get("forms")
    for name, entry in forms.items() if isinstance(forms, dict) else ():
        if isinstance(entry, dict) and entry.get("file") == path.name:
            return name, entry
    return "", None


def _layout_in(entry: dict, path: Path) -> Layout:
    try:
        said = entry["layout"]
        outputs = tuple(said["outputs"]) if said["outputs"] else None
        for output in outputs or ():
            term(output, 1)
        return Layout(
            float(said["scale"]), tuple(map(float, said["offset"])), entry["input_type"], bool(said["columns"]), outputs
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(
            f"{path}: model.json does not describe its input. Export the run again with export.py."
        ) from None


def _threshold_in(told: dict, name: str, path: Path) -> float:
    thresholds = told.get("threshold")
    value = thresholds.get(name) if isinstance(thresholds, dict) else None
    if type(value) not in (int, float) or not 0 <= value <= 1.000001:
        raise UserError(f"{path}: model.json has no threshold for it. Received: {value}. Pass one with --threshold.")
    return float(value)


def _rule(told: dict) -> str:
    """How the patches of a run were sampled; the robot's rule if this was not recorded."""
    known = told.get("input")
    rule = known.get("sampling_rule") if isinstance(known, dict) else None
    return rule if rule in RULES else "centres"


def _border(told: dict) -> int:
    """The border of a run's family in pixels; 0 for files with other names."""
    datasets = told.get("datasets")
    train = datasets.get("train") if isinstance(datasets, dict) else None
    name = train.get("name") if isinstance(train, dict) else None
    borders = {family.stem: family.border for task in PREFIXES for family in all_families(task)}
    return borders.get(name, 0) if isinstance(name, str) else 0


def check_pair(classifier: Scorer, detector: Scorer | None) -> None:
    """Refuses a detector that does not take the classifier's patches.

    Raises:
        UserError: they differ in size, colour, sampling or border.
    """
    if detector is None:
        return
    one, other = ((model.size, model.channels, model.rule, model.border) for model in (classifier, detector))
    if one != other:
        words = ("{0}x{0} pixels, {1} channels, sampling {2}, border {3}".format(*kind) for kind in (one, other))
        raise UserError(f"classifier and detector take different patches. Received: {'; '.join(words)}.")


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
