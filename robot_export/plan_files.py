"""Plans the files of an export: one per format, and files with a special layout for a robot's code."""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePath

from common.errors import UserError
from robot_export import parity
from robot_export.export_job import Job, Wishes
from robot_export.folded_network import FoldedNetwork, fold
from robot_export.formats import CHOICES, FORMATS, Format
from robot_export.layout import OWN, Layout, term
from robot_export.model_json import ExportedFile, Input, Manifest
from robot_export.onnx_file import OPSET
from robot_export.robots import Robot, check, find

# What must be equal in two models that share one file: field of Input, in words, what to do.
_SHARED = (
    ("width", "size", "Train both on patches of the same kind"),
    ("channels", "number of channels", "Train both on patches of the same kind"),
    ("colour", "colour", "Train both on patches of the same kind"),
    ("mean", "mean", "Train both with the same --mean"),
    ("sampling", "sampling rule", "Train both on patches of the same kind"),
)


@dataclass(frozen=True)
class Item:
    """A file: its name, its format, its layout, and its networks (two in a joint file)."""

    file: str
    format: Format
    layout: Layout
    networks: tuple[FoldedNetwork, ...]

    @property
    def joint(self) -> bool:
        """Whether it contains a classifier and a detector."""
        return len(self.networks) > 1

    def entry(self, folder: Path, job: Job) -> ExportedFile:
        """What is known about the file before it has run."""
        content, runtime = (folder / self.file).read_bytes(), self.format.runtime
        return ExportedFile(
            file=self.file,
            runtime=runtime,
            sha256=hashlib.sha256(content).hexdigest(),
            bytes=len(content),
            normalised=self.layout.scale != 1,
            input_type=self.layout.dtype,
            quantised=None,
            peak_activation_bytes=job.manifest.cost["peak_activation_bytes"] * self.format.bytes // 4,
            accepted=True,
            reasons=[],
            parity=None,
            latency_us=None,
            tolerance=self._tolerance(job.manifest.input.width),
            layout=self.layout.as_json(),
            opset=OPSET if runtime == "ONNX Runtime" else None,
            namespace=job.namespace if runtime == "C++" else None,
        )

    def _tolerance(self, size: int) -> float:
        """The tolerance for the test vectors, in the units of the outputs."""
        exact = self.format.exact or self.format.runtime == "C++"  # int16 gives the same bits everywhere
        tolerance = parity.EXACT if exact else parity.QUANTISED
        if outputs := self.layout.outputs:
            tolerance *= max(abs(term(output, size)[1]) for output in outputs)
            tolerance *= 10 if "logit" in outputs else 1  # logits reach 20 and more
        return tolerance


def make_items(job: Job, export: str) -> tuple[dict[str, Item], dict[str, dict]]:
    """The files of a job.

    Args:
        export: "none", "keras" or "all", as `--export`; robots get theirs with "all".

    Returns:
        Files by their name in model.json, and the entry of each robot there: the file made for it, or the usual file
        that already has its layout.

    Raises:
        UserError: a layer cannot be exported, or a robot's code cannot load this model.
    """
    names, given = CHOICES[export], job.manifest.input
    networks = (fold(job.model),) if len(names) > 1 else ()
    items = {name: Item(FORMATS[name].file, FORMATS[name], _layout(FORMATS[name], given), networks) for name in names}
    chosen, wishes = {}, job.wishes if export == "all" else Wishes()
    for name, kind in robot_kinds(wishes, job.manifest).items():
        robot, joint = find(name), kind == "joint"
        layout = robot_layout(robot, given, kind)
        same = [key for key, item in items.items() if key == robot.format and item.layout == layout and not joint]
        key = same[0] if same else name
        if not same:
            both = (*networks, fold(wishes.detector.model)) if joint else networks
            items[name] = Item(robot_file(robot), FORMATS[robot.format], layout, both)
        chosen[name] = {"file": items[key].file, "form": key, "kind": kind, "sampling_rule": robot.sampling}
    return items, chosen


def robot_kinds(wishes: Wishes, manifest: Manifest) -> dict[str, str]:
    """The kind of each robot's file: "classifier", "detector" or "joint".

    Raises:
        UserError: a robot's code cannot load this model, or two models cannot share one input.
    """
    kinds, given = {}, manifest.input
    for name in wishes.robots:
        robot, kinds[name] = find(name), manifest.kind
        if "joint" in robot.outputs and wishes.detector is not None:
            _check_joint(robot, given, wishes.detector.input)
            kinds[name] = "joint"
        check(robot, kinds[name], given.shape, given.sampling_rule, wishes.accept_sampling)
    return kinds


def robot_layout(robot: Robot, given: Input, kind: str) -> Layout:
    """The input and output layout of a robot's file of this kind."""
    if robot.format == "cpp":
        return _layout(FORMATS["cpp"], given)
    offset = tuple(given.offset) if robot.subtracts_mean else (0.0,) * given.channels
    outputs = robot.outputs[kind]
    return Layout(robot.scale, offset, robot.dtype, robot.columns, None if outputs in OWN.values() else outputs)


def robot_file(robot: Robot) -> str:
    """The name of a file that is made for only one robot."""
    return f"model_{robot.name}{PurePath(FORMATS[robot.format].file).suffix}"


def _check_joint(robot: Robot, classifier: Input, detector: Input) -> None:
    """Refuses two models that cannot share one input."""
    for name, words, advice in _SHARED:
        ours, theirs = getattr(classifier, name), getattr(detector, name)
        if ours != theirs:
            raise UserError(
                f"--robot {robot.name}: one file has one input, but the models differ in the {words}. Received: {ours} "
                f"(classifier) and {theirs} (detector). {advice}."
            )


def _layout(format: Format, given: Input) -> Layout:
    if given.normalised and not format.always_raw:
        return Layout(given.scale, tuple(given.offset), format.takes)
    return Layout(1.0, (0.0,) * given.channels, format.takes)
