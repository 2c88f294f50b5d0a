"""Which files an export makes: one per format, and those that a robot's code needs in a layout of its own."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from common.errors import UserError
from robot_export import model_json
from robot_export.folding import FoldedNetwork, fold
from robot_export.formats import CHOICES, FORMS, Form
from robot_export.layout import OWN, Layout, term
from robot_export.onnx_file import OPSET
from robot_export.robots import Robot, check, find

_KINDS = {1: "classifier", 3: "detector"}


@dataclass(frozen=True)
class Item:
    """A file: its name, its format, how it is fed and answers, and the networks in it, two in a joint one."""

    file: str
    form: Form
    layout: Layout
    networks: tuple[FoldedNetwork, ...]

    @property
    def joint(self) -> bool:
        """Whether a classifier and a detector answer together."""
        return len(self.networks) > 1

    def entry(self, folder: Path, job) -> dict:
        """What the manifest says of the file before it has run; `job` is a robot_export.export_model.Job."""
        content, form, size = (folder / self.file).read_bytes(), self.form, job.description["input"]["width"]
        more = {"layout": self.layout.as_json()}
        more |= {"opset": OPSET} if form.runtime == "ONNX Runtime" else {}
        more |= {"namespace": job.namespace} if form.runtime == "C++" else {}
        tolerance = model_json.TOLERANCE["exact" if form.exact or form.runtime == "C++" else "quantised"]
        if self.layout.outputs:
            tolerance *= max(abs(term(output, size)[1]) for output in self.layout.outputs)
            tolerance *= 10 if "logit" in self.layout.outputs else 1  # it reaches 20 and more
        return more | {
            "file": self.file,
            "runtime": form.runtime,
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "normalised": self.layout.scale != 1,
            "input_type": self.layout.dtype,
            "quantised": None,
            "peak_activation_bytes": job.description["cost"]["peak_activation_bytes"] * form.bytes // 4,
            "fit": True,
            "unfit": [],
            "parity": None,
            "latency_us": None,
            "tolerance": tolerance,
        }


def make_items(job, export: str) -> tuple[dict[str, Item], dict[str, dict]]:
    """The files of a job.

    Args:
        job: robot_export.export_model.Job.
        export: "none", "keras" or "all", as `--export`; robots get theirs with "all".

    Returns:
        Files by their name in model.json, and per robot {"file", "form", "sampling"}: the file that is made for it, or
        the one of the formats that is just what it reads.

    Raises:
        UserError: a layer that cannot be exported, or a robot whose code cannot load this model.
    """
    description, names = job.description, CHOICES[export]
    networks = (fold(job.model),) if len(names) > 1 else ()
    items = {name: _item(FORMS[name], _layout(FORMS[name], description), networks) for name in names}
    named, robots = {}, job.robots if export == "all" else ()
    for name, kind in robot_kinds(robots, description, job.detector, job.accept_sampling).items():
        robot, chosen = find(name), networks
        if kind == "joint":
            chosen = (*networks, fold(job.detector.model))
        layout = robot_layout(robot, description, kind)
        same = [key for key, item in items.items() if key == robot.form and item.layout == layout and kind != "joint"]
        if not same:
            items[name] = Item(robot_file(robot), FORMS[robot.form], layout, chosen)
        key = same[0] if same else name
        named[name] = {"file": items[key].file, "form": key, "kind": kind, "sampling_rule": robot.sampling}
    return items, named


def robot_kinds(names: Iterable[str], description: dict, detector, accept_sampling: bool) -> dict[str, str]:
    """What each robot's file is made of: "classifier", "detector" or "joint".

    Args:
        names: of --robot.
        description: of the model that is exported.
        detector: None, or the robot_export.export_model.Partner of a classifier.
        accept_sampling: see `robots.check`.

    Raises:
        UserError: a robot whose code cannot load this model, or two models that cannot share one input.
    """
    kinds, given = {}, description["input"]
    for name in names:
        robot, kinds[name] = find(name), _KINDS[len(description["target"]["order"])]
        if "joint" in robot.outputs and detector is not None:
            check_joint(robot, description, detector.description)
            kinds[name] = "joint"
        check(robot, kinds[name], given["width"], given["channels"], given.get("sampling_rule"), accept_sampling)
    return kinds


def robot_layout(robot: Robot, description: dict, kind: str) -> Layout:
    """How a robot feeds a file of this kind, and what it reads of it."""
    if robot.form == "cpp":
        return _layout(FORMS["cpp"], description)
    means = description["input"]["mean"]
    offset = tuple(-mean if robot.subtracts_mean else 0.0 for mean in means)
    outputs = robot.outputs[kind]
    return Layout(robot.scale, offset, robot.dtype, robot.columns, None if outputs in OWN.values() else outputs)


def robot_file(robot: Robot) -> str:
    """The name of the file that is made for a robot alone."""
    return f"model_{robot.name}{PurePath(FORMS[robot.form].file).suffix}"


def check_joint(robot: Robot, classifier: dict, detector: dict) -> None:
    """Refuses two models that cannot share one input.

    Raises:
        UserError: patches of another size, colour, mean or sampling rule; the line gives both.
    """
    for key, words in (
        ("width", "size"),
        ("channels", "number of channels"),
        ("colour", "colour"),
        ("mean", "mean"),
        ("sampling", "sampling rule"),
    ):
        ours, theirs = classifier["input"][key], detector["input"][key]
        if ours != theirs:
            advice = "Train both with the same --mean" if key == "mean" else "Train both on patches of the same kind"
            raise UserError(
                f"--robot {robot.name}: one file has one input, but the models differ in the {words}. Received: {ours} "
                f"(classifier) and {theirs} (detector). {advice}."
            )


def _layout(form: Form, description: dict) -> Layout:
    scale, offset = 1.0, tuple(0.0 for _ in description["input"]["mean"])
    if description["input"]["normalised"] and not form.always_raw:
        scale, offset = model_json.scaling(description)
    return Layout(scale, tuple(offset), form.takes)


def _item(form: Form, layout: Layout, networks: tuple[FoldedNetwork, ...]) -> Item:
    return Item(form.file, form, layout, networks)
