"""Computes the outputs of any model: the model of a run, an exported file of a run, or a file from somebody else.

Files from somebody else do not describe their input and outputs, so the user describes them with options. The options
use the names in `layout.py`. Exported files may be untrusted, so they run in a separate process. If a file crashes the
process, a one-line error message is printed. C++ headers and Keras 2 files are accepted only if they belong to a run.
"""

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.cli.printable import printable
from common.cli.program import check_files
from common.datasets.families import PREFIXES, all_families
from common.datasets.patch_checks import SIDES
from common.errors import UserError
from common.runs.evaluation import model_name
from common.training import safe_keras_file
from common.training.find_model import FALLBACK_THRESHOLD, find_model
from common.training.predictor import make_predictor
from robot_export.foreign_options import RUNTIMES, Foreign, is_exported
from robot_export.isolated_runtime import Isolated
from robot_export.layout import OWN, Layout, term
from robot_export.model_json import Manifest, find_entry, read_beside

KINDS = {1: "classifier", 3: "detector", 4: "combined classifier and detector"}


@dataclass(frozen=True)
class Scorer:
    """A model that is ready to predict.

    outputs: the number of its outputs: 1 (ball), 3 (radius, x and y) or 4 (all of them).
    rule: the sampling rule of its patches. border: by how many pixels its patches extend beyond the candidate.
    trained_on: the digest of its training patches, None if unknown.
    threshold: a score at or above it means that there is a ball; None for a detector.
    """

    name: str
    file: Path
    size: int
    channels: int
    outputs: int
    run: Callable
    rule: str
    border: int
    trained_on: str | None
    threshold: float | None
    threshold_from: str

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Computes the outputs, float32 [n, outputs], for patches X, uint8 [n, size, size, channels].

        Raises:
            UserError: an output is NaN or infinite, or a score is outside 0..1.
        """
        answers = self.run(X)
        if wrong := int(np.sum(~np.isfinite(answers).all(axis=1))):
            raise UserError(
                f"{self.file}: the model's outputs are NaN or infinite. Received: {wrong} of {len(answers)} patches."
            )
        scores = answers[:, :1] if self.outputs != 3 else answers[:0]
        if not ((scores >= 0) & (scores <= 1)).all():
            shown = f"{scores.min():.4g} to {scores.max():.4g}"
            raise UserError(
                f"{self.file}: scores must be in 0..1. Received: {shown}. For logits, pass --outputs logit."
            )
        return answers


def open_scorer(
    path: Path, wanted: Sequence[int], given: Foreign, threshold: float | None = None, override: bool = True
) -> Scorer:
    """Opens a model of any kind.

    Args:
        path: a run, a .keras file, a file that the model.json in its folder lists, or any TFLite or ONNX file.
        wanted: the accepted numbers of outputs, keys of KINDS. given: the description of a file without a model.json.
        threshold: the threshold from the command line. override: whether it replaces the model's own threshold.

    Raises:
        UserError: the path is not a model, or is a model of another kind.
    """
    exported = is_exported(path)
    file = path if exported else find_model(path)
    told, name = _described(file, exported, threshold)
    shape, outputs, run = _exported(file, told, name, given) if exported else _keras(file)
    if outputs not in wanted:
        kinds = " or ".join(KINDS[number] for number in wanted)
        raise UserError(f"{path}: not a {kinds}. Received: a {KINDS[outputs]}. Choose another model.")
    own, origin = ((told and told.threshold) or {}).get(name), "shipped with the model (model.json)"
    if outputs == 3:
        own, origin = None, ""
    elif threshold is not None and (override or own is None):
        own, origin = threshold, "from the command line"
    elif own is None and exported:
        raise UserError(f"{path}: its threshold is unknown. Pass one with --threshold.")
    elif own is None:
        own, origin = FALLBACK_THRESHOLD, "the default, because the model has none"
    rule, border, trained_on = _patches_of(told) if told else (given.sampling, 0, None)
    label = f"{path.resolve().parent.name}/{path.name}" if exported else model_name(file)
    return Scorer(label, file, shape[0], shape[2], outputs, run, rule, border, trained_on, own, origin)


def _described(file: Path, exported: bool, threshold: float | None) -> tuple[Manifest | None, str]:
    """Reads the model.json of a file; returns its content and the name of the file's format.

    If a threshold is given, a damaged model.json is not an error.
    """
    try:
        return (find_entry(file) or (None, "")) if exported else (read_beside(file), "keras")
    except UserError as error:
        if threshold is None:
            raise
        print(f"note: {printable(error)} The model's sampling and border are unknown.", file=sys.stderr)
        return None, ""


def _keras(file: Path) -> tuple[tuple, int, Callable]:
    """Loads a Keras model; returns the shape of its input, the number of its outputs, and a function that predicts."""
    model = safe_keras_file.load(file)
    shape, outputs = tuple(model.input_shape)[1:], tuple(model.output_shape)
    _check(file, shape, outputs)
    return shape, outputs[1], make_predictor(model)


def _exported(path: Path, told: Manifest | None, name: str, given: Foreign) -> tuple[tuple, int, Callable]:
    """Opens an exported file, described by its model.json or by the command line; returns the same as `_keras`."""
    check_files([path])
    file = told.formats[name] if told else None
    opened = Isolated(path, file.runtime if file else RUNTIMES[path.suffix.lower()])
    layout = Layout.of(file, told.input) if file else replace(given.layout, dtype=opened.dtype)
    own = _own_outputs(path, layout, opened)
    _check(path, opened.shape, (None, len(own)))
    return opened.shape, len(own), lambda X: layout.read(opened.predict(layout.feed(X)), opened.shape[0])


def _check(path: Path, shape: tuple, outputs: tuple) -> None:
    """Refuses a model unless it takes square patches with one or two channels."""
    square = len(shape) == 3 and shape[0] == shape[1] and shape[0] in SIDES and shape[2] in (1, 2)
    if not square or len(outputs) != 2 or outputs[1] not in KINDS:
        raise UserError(
            f"{path}: not a network for patches of 16x16 or 32x32 pixels and 1 or 2 channels, with 1, 3 or 4 outputs. "
            f"Received: {shape} to {outputs}."
        )


def _own_outputs(path: Path, layout: Layout, opened: Isolated) -> Collection:
    """Returns which of our outputs a file has; raises an error if the layout does not match the file."""
    if layout.dtype != opened.dtype or opened.dtype not in ("float32", "uint8"):
        raise UserError(f"{path}: its input must be float32 or uint8, as in model.json. Received: {opened.dtype}.")
    if len(layout.offset) not in (1, *opened.shape[-1:]):
        raise UserError(f"--input-offset needs one number, or one per channel. Received: {layout.offset}.")
    if layout.outputs is None:
        return range(opened.outputs)
    named = " ".join(layout.outputs)
    if len(layout.outputs) != opened.outputs:
        raise UserError(f"{path} has {opened.outputs} outputs, so --outputs must name that many. Received: {named}.")
    own = {term(output, 1)[0] for output in layout.outputs} - {None}
    if own not in map(set, OWN.values()):
        raise UserError(f"{path}: outputs must be ball, or radius, x and y, or all four. Received: {named}.")
    return own


def _patches_of(told: Manifest) -> tuple[str, int, str]:
    """Returns the sampling rule, the border and the digest of the patches that a model was trained on.

    If the sampling rule is unknown, it is assumed to be "centres".
    """
    train = told.datasets["train"]
    borders = {family.stem: family.border for task in PREFIXES for family in all_families(task)}
    return told.input.sampling_rule or "centres", borders.get(train["name"], 0), train["digest"]


def check_alike(models: Sequence[Scorer], sampling: bool = True) -> None:
    """Refuses models that take different patches.

    Raises:
        UserError: the patches of the models differ in size, colour or border. If `sampling` is true, the sampling rule
            must be the same, too.
    """
    taken = [f"{model.size}x{model.size}x{model.channels}, border {model.border}" for model in models]
    if sampling:
        taken = [f"{what}, sampling {model.rule}" for model, what in zip(models, taken, strict=True)]
    if len(set(taken)) > 1:
        shown = "; ".join(f"{model.name}: {what}" for model, what in zip(models, taken, strict=True))
        raise UserError(
            f"the models take different patches. Received: {shown}. Choose models for the same patches, or score each "
            "on its own files with evaluate.py."
        )
