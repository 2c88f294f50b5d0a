"""Plans the files of an export: one per format, and files with a special layout for a robot's code."""

from dataclasses import dataclass
from pathlib import PurePath

from common.errors import UserError
from robot_export.export_job import Job
from robot_export.folded_network import FoldedNetwork, fold
from robot_export.formats import CHOICES, FORMATS, Format
from robot_export.layout import OWN, Layout
from robot_export.model_json import Input
from robot_export.robots import ROBOTS, Robot, check_all, file_kinds

# The fields of Input that must be the same in two models that share one file, and their names in messages.
_SHARED = {"width": "size", "channels": "number of channels", "colour": "colour", "mean": "mean"}
_SHARED |= {"sampling": "sampling rule"}


@dataclass(frozen=True)
class Item:
    """A planned file: its name, its format, its layout, and its networks (a joint file contains two)."""

    file: str
    format: Format
    layout: Layout
    networks: tuple[FoldedNetwork, ...]


def make_items(job: Job, export: str) -> tuple[dict[str, Item], dict[str, dict]]:
    """Plans the files of a job.

    export: a value of `--export`; files for robots are planned only if it is "all".

    Returns:
        The files by their names in model.json, and the entry of each robot in model.json. An entry names the file that
        is made for the robot, or the usual file if the usual file already has the robot's layout.

    Raises:
        UserError: a layer cannot be exported, or a robot's code cannot load this model.
    """
    names, manifest = CHOICES[export], job.source.manifest
    networks = (fold(job.source.model),) if len(names) > 1 else ()
    formats = {name: FORMATS[name] for name in names}
    items = {name: Item(each.file, each, each.layout(manifest.input), networks) for name, each in formats.items()}
    robots = {}
    for name, kind in robot_kinds(job).items() if export == "all" else ():
        robot = ROBOTS[name]
        key, layout = robot.format, robot_layout(robot, manifest.input, kind)
        if kind == "joint" or items[key].layout != layout:
            both = (*networks, fold(job.detector.model)) if kind == "joint" else networks
            key, items[name] = name, Item(robot_file(robot), FORMATS[robot.format], layout, both)
        robots[name] = {"file": items[key].file, "form": key, "kind": kind, "sampling_rule": robot.sampling}
    return items, robots


def robot_kinds(job: Job) -> dict[str, str]:
    """Returns the kind of each robot's file: "classifier", "detector" or "joint".

    Raises:
        UserError: a robot's code cannot load this model, the two models cannot share one input, or no robot reads both
            models from one file.
    """
    given = job.source.manifest.input
    kinds = file_kinds(job.robots, job.source.manifest.kind, job.detector is not None)
    for name, kind in kinds.items():
        if kind == "joint":
            _check_joint(name, given, job.detector.input)
    check_all(kinds, given.shape, given.sampling_rule, job.accept_sampling)
    return kinds


def robot_layout(robot: Robot, given: Input, kind: str) -> Layout:
    """Returns the layout of the input and outputs of a robot's file; kind: as in `robot_kinds`."""
    if robot.format == "cpp":
        return FORMATS["cpp"].layout(given)
    offset = tuple(given.offset) if robot.subtracts_mean else (0.0,) * given.channels
    outputs = robot.outputs[kind]
    return Layout(robot.scale, offset, robot.dtype, robot.columns, None if outputs in OWN.values() else outputs)


def robot_file(robot: Robot) -> str:
    """Returns the name of a file that is made for only one robot."""
    return f"model_{robot.name}{PurePath(FORMATS[robot.format].file).suffix}"


def _check_joint(robot: str, classifier: Input, detector: Input) -> None:
    for name, words in _SHARED.items():
        ours, theirs = getattr(classifier, name), getattr(detector, name)
        if ours != theirs:
            raise UserError(
                f"--robot {robot}: one file has one input, but the models differ in the {words}. Received: {ours} "
                f"(classifier) and {theirs} (detector). Train both with the same --mean, on patches of the same kind."
            )
