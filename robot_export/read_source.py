"""Reads what `export.py` exports: the model of a run or file, its model.json, and the patches for testing it."""

import argparse
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from jsonschema import Draft202012Validator

from common.atomic_files import new_folder, read_json, replacing
from common.cli import launch
from common.cli.find_run import read_config
from common.cli.option import from_json
from common.cli.training_options import TrainingOptions
from common.datasets.load import read_files
from common.datasets.patch_file import Patches, concatenate
from common.errors import UserError
from common.runs.evaluation import model_name
from common.training.find_model import find_model
from common.training.load_model import load_model
from common.training.predictor import make_predictor
from robot_export import model_json
from robot_export.cost import count_cost
from robot_export.export_job import Job, Partner, Source
from robot_export.fill_model_json import describe_files, describe_input, describe_model
from robot_export.folded_network import fold
from robot_export.model_json import Manifest
from robot_export.plan_files import robot_kinds
from robot_export.project import Project

_NUMBERS, _TEXT = {"type": "object", "additionalProperties": {"type": "number"}}, {"type": "string"}
_ROW = _NUMBERS | {"required": ["group", "name"], "properties": {"group": _TEXT, "name": _TEXT}}
_EVALUATED = {  # JSON Schema for one split of evaluation.json, as a project's `report` writes it
    "type": "object",
    "required": ["metrics", "groups"],
    "properties": {
        "metrics": _NUMBERS,
        "groups": {"type": "array", "items": _ROW},
        "notes": {"type": "array", "items": _TEXT},
    },
}


def read_source(arguments: argparse.Namespace, project: str, target: dict, recorded: Callable) -> Source:
    """Reads the patches and the model, and computes the model's outputs for the patches.

    Args:
        project: name of the project's package. target: for model.json; its "order" lists the outputs.
        recorded: a function that takes a run folder and calls `load_recorded` for this project.

    Raises:
        UserError: a file or the model cannot be used, or calibration uses test patches.
    """
    file = find_model(arguments.model)
    known = model_json.read_beside(file)
    if known and known.project != project:
        command = launch.command(f"{known.project}/export.py", file)
        raise UserError(f"{file}: a model of another project. Received: {known.project}. Use {command}")
    if arguments.calibration and arguments.validation:
        named = {"train": arguments.calibration, "validation": arguments.validation}
        task = "classification" if len(target["order"]) == 1 else "detection"
        parts = {split: read_files(paths, task)[0] for split, paths in named.items()}
    else:
        parts = _recorded(arguments, file, known, recorded)
    concatenate([part.take([0]) for part in parts.values()])  # fails unless all patches have the same size and colour
    _check_patches(arguments, parts, known)
    model = load_model(file, parts["validation"].X.shape[1:], len(target["order"]))
    fold(model)  # fails here, before anything is computed, if a layer cannot be exported
    normalised = arguments.input == "normalised" if arguments.input else bool(known and known.input.normalised)
    if known is None:
        manifest = describe_model(model, parts, normalised, project=project, target=target)
    else:
        datasets = known.datasets
        if arguments.export_dir is not None:
            datasets = datasets | {"validation": describe_files(parts["validation"])}
        given = describe_input(model, normalised, known.input.sampling_rule)
        manifest = replace(known, input=given, cost=count_cost(model), datasets=datasets)
    outputs = make_predictor(model)(parts["validation"].X)
    return Source(model, manifest, parts["train"].X, parts["validation"], outputs)


def open_job(arguments: argparse.Namespace, source: Source, project: Project) -> Job:
    """Prepares the job and the folder for its files.

    The job contains the run's results only if the files go to the run's folder and its evaluation.json is complete.

    Raises:
        UserError: --detector cannot be used, or a robot's code cannot load the model. Such an error
            leaves no new folder behind.
    """
    file, detector = find_model(arguments.model), getattr(arguments, "detector", None)
    partner = _read_partner(detector, source.validation.X) if detector else None
    asked = {"robots": tuple(dict.fromkeys(arguments.robot or ())), "accept_sampling": arguments.accept_sampling}
    job = Job(file.parent, source, project, {}, detector=partner, name=arguments.namespace or "", **asked)
    robot_kinds(job)
    if arguments.export_dir is None and model_json.read_beside(file):
        return replace(job, results=_read_evaluation(file.parent, source.manifest.metrics))
    name = f"export-{model_name(file)}"
    folder = new_folder(arguments.export_dir or TrainingOptions().output_dir / name)
    with replacing(folder / "model.keras") as new:
        shutil.copyfile(file, new)
    return replace(job, folder=folder)


def load_recorded(kind: type, load_data: Callable, folder: Path):
    """Loads the patches that the config.json of a run names, as common.datasets.load.Splits.

    kind: the class of the project's options. load_data: the project's function that loads patches for such options.

    Raises:
        UserError: the patches no longer exist, or config.json does not belong to a run of this project.
    """
    saved = read_config(folder)["options"]
    moved = {} if Path(str(saved.get("data_root"))).is_dir() else {"data_root": kind().data_root}  # of another machine
    places = {"resume": str(folder.resolve()), "output_dir": folder.resolve().parent} | moved
    return load_data(from_json(kind, saved, **places))


def _recorded(arguments, file: Path, known: Manifest | None, recorded: Callable) -> dict[str, Patches]:
    """Loads the training and validation patches of a run, according to its config.json."""
    there = {"model.json": known is not None, "config.json": file.with_name("config.json").is_file()}
    missing = " and ".join(name for name, found in there.items() if not found)
    if arguments.calibration or arguments.validation or missing:
        why = f"there is no {missing} beside the model" if missing else "only one of the two files was given"
        raise UserError(
            f"the patches are not known: {why}. Pass both --calibration and --validation, or only the folder of a "
            f"complete run. Received: {arguments.model}."
        )
    splits = recorded(file.parent)
    parts = {"train": splits.train, "validation": splits.validation}
    if changed := [split for split, part in parts.items() if part.digest != known.digest(split)]:
        raise UserError(
            f"the patches that this run recorded have changed ({', '.join(changed)}). Received: {file.parent}. "
            "Pass the files: --calibration TRAIN.h5 --validation VALIDATION.h5"
        )
    return parts


def _check_patches(arguments: argparse.Namespace, parts: dict[str, Patches], known: Manifest | None) -> None:
    """Refuses test and validation patches for calibration, because they make quantised files look too good.

    If the files go to the run's own folder, only the validation patches that its model.json names are accepted.
    """
    digest, paths = parts["train"].digest, arguments.calibration or ()
    is_test = known is not None and digest == known.digest("test")
    if tests := [path.name for path in paths if is_test or "_test_" in path.name]:
        raise UserError(f"calibration needs training patches, not test patches. Received: {', '.join(tests)}.")
    if digest == parts["validation"].digest:
        raise UserError("calibration needs training patches. Received: the validation patches. Choose other files.")
    if known and arguments.export_dir is None and parts["validation"].digest != known.digest("validation"):
        raise UserError(
            f"the run was validated on other patches. Received: {', '.join(parts['validation'].files)}. "
            "Pass the run's own validation patches, or choose a new folder with --output-dir."
        )


def _read_partner(path: Path, X) -> Partner:
    """Reads a detector, and runs it on the classifier's validation patches."""
    file = find_model(path)
    model = load_model(file, X.shape[1:], outputs=3)
    known = model_json.read_beside(file)
    rule = known.input.sampling_rule if known else None
    return Partner(model, make_predictor(model)(X), describe_input(model, False, rule))


def _read_evaluation(folder: Path, metrics: dict) -> dict:
    """Reads a run's evaluation.json; returns {} if it is missing or invalid, or has different splits from `metrics`."""
    try:
        results = read_json(folder / "evaluation.json")
        json.dumps(results, allow_nan=False)
    except (UserError, ValueError):
        return {}
    return results if results.keys() == metrics.keys() and all(map(is_evaluation, results.values())) else {}


def is_evaluation(result) -> bool:
    """Returns whether `result` looks like a project's `report` of one split, with metrics and rows of groups."""
    return Draft202012Validator(_EVALUATED).is_valid(result)
