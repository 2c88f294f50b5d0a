"""Reads what `export.py` exports: the model of a run or file, its record, and the patches for judging it."""

import argparse
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from common.atomic_files import new_folder, read_json, replacing
from common.cli import launch
from common.cli.training_options import TrainingOptions
from common.datasets.load import read_files
from common.datasets.patch_file import Patches, concatenate
from common.errors import UserError
from common.runs.evaluation import model_name
from common.training import devices_and_seeds
from common.training.find_model import find_model
from common.training.load_model import load_model
from common.training.predictor import make_predictor
from robot_export import model_json
from robot_export.cost import count_cost
from robot_export.describe_model import describe_files, describe_input, describe_model
from robot_export.export_job import Evidence, Partner, Wishes
from robot_export.folded_network import fold
from robot_export.model_json import Manifest
from robot_export.plan_files import robot_kinds
from robot_export.recorded_patches import recorded_splits


@dataclass(frozen=True)
class Task:
    """A project's models.

    project: its package. name: `classification` or `detection`. target: for model.json; its "order" names the outputs.
    options: the project's Options. load_data: finds the patches of a run.
    """

    project: str
    name: str
    target: dict
    options: type
    load_data: Callable


@dataclass(frozen=True)
class Source:
    """The source of an export: the model's file, the keras.Model, its record, the patches and its outputs."""

    file: Path
    model: object
    manifest: Manifest
    evidence: Evidence


def read_source(arguments: argparse.Namespace, task: Task) -> Source:
    """Reads the patches and the model, and scores them.

    Raises:
        UserError: files or a model cannot be used, or calibration uses test patches.
    """
    file = find_model(arguments.model)
    known = _known(file, task.project)
    if arguments.calibration and arguments.validation:
        named = {"train": arguments.calibration, "validation": arguments.validation}
        parts = {split: read_files(paths, task.name)[0] for split, paths in named.items()}
    else:
        parts = _recorded(arguments, file, known, task)
    concatenate([part.take([0]) for part in parts.values()])  # an error unless all have one size and colour
    _check_calibration(arguments.calibration or [], parts, known)
    if known and arguments.output_dir is None:
        _check_validation(parts["validation"], known)
    devices_and_seeds.find_gpus()
    model = load_model(file, parts["validation"].X.shape[1:], len(task.target["order"]))
    fold(model)  # before any computation: an error for a layer that cannot be exported
    manifest = _describe(model, arguments, task, parts, known)
    scores = make_predictor(model)(parts["validation"].X)
    return Source(file, model, manifest, Evidence(parts["train"].X, parts["validation"], scores))


def read_wishes(arguments: argparse.Namespace, X) -> Wishes:
    """What the user wants besides the usual files.

    Args:
        X: the validation patches, for the detector of --detector.

    Raises:
        UserError: --detector is not a detector, or is for other patches.
    """
    robots = tuple(dict.fromkeys(arguments.robot or ()))
    path = getattr(arguments, "detector", None)
    detector = _read_partner(path, X) if path else None
    return Wishes(robots, arguments.accept_sampling, detector, arguments.namespace or "")


def prepare_folder(arguments: argparse.Namespace, source: Source, wishes: Wishes) -> tuple[Path, dict | None]:
    """Prepares the folder for the files.

    Returns:
        The folder, with model.keras in it, and the run's own evaluation if it is complete, else None.

    Raises:
        UserError: as in `plan_files.robot_kinds`, before a folder is made.
    """
    robot_kinds(wishes, source.manifest)
    if arguments.output_dir is None and model_json.read_beside(source.file):
        return source.file.parent, _read_evaluation(source.file.parent, source.manifest.metrics)
    name = f"export-{model_name(source.file)}"
    folder = new_folder(arguments.output_dir or TrainingOptions().output_dir / name)
    with replacing(folder / "model.keras") as new:
        shutil.copyfile(source.file, new)
    return folder, None


def _known(file: Path, project: str) -> Manifest | None:
    """The record in the run's own model.json; None if there is none."""
    known = model_json.read_beside(file)
    if known and known.project != project:
        command = launch.command(f"{known.project}/export.py", file)
        raise UserError(f"{file}: a model of another project. Received: {known.project}. Use {command}")
    return known


def _recorded(arguments: argparse.Namespace, file: Path, known: Manifest | None, task: Task) -> dict[str, Patches]:
    """The training and validation patches of a run, according to its config.json."""
    config = file.with_name("config.json")
    if arguments.calibration or arguments.validation or known is None or not config.is_file():
        raise UserError(
            "the patches are not known: pass --calibration and --validation, or the folder of a run and neither of "
            f"them. Received: {arguments.model}."
        )
    splits = recorded_splits(file.parent, task.options, task.load_data)
    parts = {"train": splits.train, "validation": splits.validation}
    if changed := [split for split, part in parts.items() if part.digest != known.digest(split)]:
        raise UserError(
            f"the patches that this run recorded have changed ({', '.join(changed)}). Received: {file.parent}. "
            "Pass the files: --calibration TRAIN.h5 --validation VALIDATION.h5"
        )
    return parts


def _describe(model, arguments: argparse.Namespace, task: Task, parts: dict, known: Manifest | None) -> Manifest:
    """The record of the model, with the input from the command line."""
    asked = arguments.input or ("normalised" if known and known.input.normalised else "raw")
    normalised = asked == "normalised"
    if known is None:
        return describe_model(model, parts, normalised, project=task.project, target=task.target)
    given = describe_input(model, normalised, known.input.sampling_rule)
    datasets = known.datasets
    if arguments.output_dir is not None:
        datasets = datasets | {"validation": describe_files(parts["validation"])}
    return replace(known, input=given, cost=count_cost(model), datasets=datasets)


def _read_partner(path: Path, X) -> Partner:
    """A detector, run on the classifier's validation patches."""
    file = find_model(path)
    model = load_model(file, X.shape[1:], outputs=3)
    known = model_json.read_beside(file)
    rule = known.input.sampling_rule if known else None
    return Partner(model, make_predictor(model)(X), describe_input(model, False, rule))


def _read_evaluation(folder: Path, metrics: dict) -> dict | None:
    """The evaluation.json of a run; None if it is missing, was edited, or has other splits than model.json."""
    try:
        results = read_json(folder / "evaluation.json")
    except UserError:
        return None
    return results if results.keys() == metrics.keys() and all(map(_is_evaluation, results.values())) else None


def _is_evaluation(result) -> bool:
    """Whether this looks like the result of `report` for one split: numbers by name, and rows of groups."""
    if not isinstance(result, dict) or not isinstance(result.get("metrics"), dict):
        return False
    groups = result.get("groups")
    if not isinstance(groups, list) or not all(
        isinstance(row, dict) and {"group", "name"} <= row.keys() for row in groups
    ):
        return False
    numbers = [result["metrics"], *({k: v for k, v in row.items() if k not in ("group", "name")} for row in groups)]
    return all(isinstance(value, int | float) and math.isfinite(value) for some in numbers for value in some.values())


def _check_calibration(paths: list[Path], parts: dict[str, Patches], known: Manifest | None) -> None:
    """Refuses test and validation patches for calibration, which would make the parity look too good."""
    digest = parts["train"].digest
    tests = [path.name for path in paths if "_test_" in path.name]
    if known and digest == known.digest("test"):
        tests = [path.name for path in paths]
    if tests:
        raise UserError(f"calibration needs training patches, not test patches. Received: {', '.join(tests)}.")
    if digest == parts["validation"].digest:
        raise UserError("calibration needs training patches. Received: the validation patches. Choose other files.")


def _check_validation(validation: Patches, known: Manifest) -> None:
    """Refuses patches other than the run's validation patches, which model.json names."""
    if validation.digest != known.digest("validation"):
        raise UserError(
            f"the run was validated on other patches. Received: {', '.join(validation.files)}. "
            "Pass those, or choose a new folder with --output-dir."
        )
