"""`export.py`: what exporting a saved model takes in every project."""

import argparse
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from common.atomic_files import read_json
from common.cli import launch
from common.cli.find_run import read_config
from common.cli.option import from_json
from common.cli.program import Parser
from common.cli.training_options import INPUTS, TrainingOptions
from common.errors import UserError
from common.training.model_path import find_model
from robot_export.robots import add_robot_options


def export_parser(description: str) -> Parser:
    """A parser for `export.py MODEL --calibration FILE --validation FILE`; the project adds its own options."""
    parser = Parser(description=description)
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .keras file, or the folder of a run")
    for name, text in (
        ("calibration", "training patches (.h5) for the ranges of the int8 forms, never test"),
        ("validation", "patches (.h5) that every form is held against Keras on"),
    ):
        text += "; default: what the run recorded"
        parser.add_argument(f"--{name}", type=Path, nargs="+", metavar="FILE", help=text)
    parser.add_argument(
        "--input", choices=INPUTS, help="what the TFLite and ONNX files take (default: as the run, raw)"
    )
    add_robot_options(parser)
    parser.add_argument(
        "--namespace", type=_namespace, metavar="NAME", help="of model.h (default: of project, size and run)"
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        help="a new folder for the files; default: the run's own, else a new export-NAME in the output folder",
    )
    return parser


def _namespace(text: str) -> str:
    """A name that C++ takes as a namespace."""
    if not re.fullmatch("[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", text):
        raise argparse.ArgumentTypeError(f"takes letters, digits and single underscores. Received: {text}.")
    return text


def read_partner(path: Path, X):
    """The detector of --detector, run on the classifier's validation patches.

    Returns:
        robot_export.export_model.Partner.

    Raises:
        UserError: not a detector, or made for other patches.
    """
    from common.training.predict import make_predictor
    from common.training.saved_model import load_model
    from robot_export.export_model import Partner
    from robot_export.model_facts import describe_input

    file = find_model(path)
    model = load_model(file, X.shape[1:], outputs=3)
    known = _contract_of(file)
    rule = read_json(known)["input"].get("sampling_rule") if known else None
    return Partner(model, make_predictor(model)(X), {"input": describe_input(model, False, rule)})


def job_options(arguments: argparse.Namespace) -> dict:
    """The command line's part of a robot_export.export_model.Job."""
    robots = tuple(dict.fromkeys(arguments.robot or ()))
    return {"robots": robots, "namespace": arguments.namespace or "", "accept_sampling": arguments.accept_sampling}


def prepare(arguments: argparse.Namespace, task: str, project: str, outputs: int, kind: type, load_data: Callable):
    """Reads the patches and the model, and scores them.

    Args:
        arguments: of the command line. task, project: of the model. outputs: of the network.
        kind: the project's Options. load_data: the project's; finds the patches that the run recorded.

    Returns:
        The model's file, the keras.Model, the description so far and the export_model.Evidence.

    Raises:
        UserError: files or a model that cannot be used, or test patches for calibration.
    """
    from common.datasets.load import read_files
    from common.datasets.patch_file import concatenate
    from common.training import devices
    from common.training.predict import make_predictor
    from common.training.saved_model import load_model
    from robot_export.cost import count_cost
    from robot_export.export_model import Evidence
    from robot_export.folding import fold
    from robot_export.model_facts import describe_input

    model_file = find_model(arguments.model)
    told = _told(model_file, project)
    if arguments.calibration and arguments.validation:
        parts = {
            "train": read_files(arguments.calibration, task)[0],
            "validation": read_files(arguments.validation, task)[0],
        }
    else:
        parts = _recorded(arguments, model_file, told, kind, load_data)
    concatenate([part.take([0]) for part in parts.values()])  # one size and colour, or one clear line
    _check_calibration(arguments.calibration or [], parts, told)
    if told and arguments.output_dir is None:
        _check_validation(parts["validation"], told)
    devices.find_gpus()
    model = load_model(model_file, parts["validation"].X.shape[1:], outputs)
    fold(model)  # a layer that cannot be exported is named before anything is computed
    normalised = (arguments.input or ("normalised" if told and told["input"].get("normalised") else "raw")) != "raw"
    description = told or _unknown(project, parts)
    if arguments.output_dir is not None:
        description["datasets"] |= {"validation": _dataset(parts["validation"])}
    rule = told["input"].get("sampling_rule") if told else parts["validation"].sampling
    description |= {"input": describe_input(model, normalised, rule), "cost": count_cost(model)}
    scores = make_predictor(model)(parts["validation"].X)
    return model_file, model, description, Evidence(parts["train"].X, parts["validation"], scores)


def _recorded(arguments: argparse.Namespace, model_file: Path, told: dict | None, kind: type, load_data: Callable):
    """The training and validation patches of a run, by what its config.json says."""
    config = model_file.with_name("config.json")
    if arguments.calibration or arguments.validation or told is None or not config.is_file():
        raise UserError(
            f"an export takes --calibration and --validation, or neither of them and the folder of a run. "
            f"Received: {arguments.model}. Add both."
        )
    splits = recorded_splits(model_file.parent, kind, load_data)
    parts = {"train": splits.train, "validation": splits.validation}
    changed = [split for split, part in parts.items() if part.digest != told["datasets"].get(split, {}).get("digest")]
    if changed:
        raise UserError(
            f"the patches that this run recorded have changed ({', '.join(changed)}). Received: {model_file.parent}. "
            "Choose the files: --calibration TRAIN.h5 --validation VALIDATION.h5"
        )
    return parts


def recorded_splits(folder: Path, kind: type, load_data: Callable):
    """The patches of a run, by what its config.json says: common.datasets.load.Splits.

    Args:
        folder: of the run. kind: the project's Options. load_data: the project's.

    Raises:
        UserError: they are not there any more, or config.json is not that of a run of this project.
    """
    saved = read_config(folder)["options"]
    root = {} if Path(str(saved.get("data_root"))).is_dir() else {"data_root": kind().data_root}  # made elsewhere
    places = {"resume": str(folder.resolve()), "output_dir": folder.resolve().parent} | root
    return load_data(from_json(kind, saved, **places))


def place(arguments: argparse.Namespace, model_file: Path, description: dict, detector=None):
    """Prepares the folder that the files go to.

    Returns:
        The folder, with model.keras in it, and the run's own evaluation where there is one, else None.

    Raises:
        UserError: as `items.robot_kinds`, before a folder is made.
    """
    from common.atomic_files import new_folder, replacing
    from common.runs.evaluation import model_name
    from robot_export.export_files import robot_kinds

    robot_kinds(arguments.robot or (), description, detector, arguments.accept_sampling)
    if arguments.output_dir is None and _contract_of(model_file):
        try:
            results = read_json(model_file.with_name("evaluation.json"))
        except UserError:
            return model_file.parent, None
        whole = results.keys() == description["metrics"].keys() and all(map(_is_evaluation, results.values()))
        return model_file.parent, results if whole else None
    folder = new_folder(arguments.output_dir or TrainingOptions().output_dir / f"export-{model_name(model_file)}")
    with replacing(folder / "model.keras") as new:
        shutil.copyfile(model_file, new)
    return folder, None


def _is_evaluation(result) -> bool:
    """Whether this is what `report` makes of one split: numbers by name, and rows of groups."""
    if not isinstance(result, dict) or not isinstance(result.get("metrics"), dict):
        return False
    groups = result.get("groups")
    if not isinstance(groups, list) or not all(
        isinstance(row, dict) and {"group", "name"} <= row.keys() for row in groups
    ):
        return False
    numbers = [result["metrics"], *({k: v for k, v in row.items() if k not in ("group", "name")} for row in groups)]
    return all(isinstance(value, int | float) and math.isfinite(value) for some in numbers for value in some.values())


def _contract_of(model_file: Path) -> Path | None:
    path = model_file.with_name("model.json")
    return path if model_file.name == "model.keras" and path.is_file() else None


def _told(model_file: Path, project: str) -> dict | None:
    """What the run's own model.json says, without the forms of an earlier export; None where there is none."""
    path = _contract_of(model_file)
    if path is None:
        return None
    from robot_export import model_json  # loads jsonschema

    told = read_json(path)
    told = {key: value for key, value in told.items() if key not in ("forms", "vectors", "robots", "parameters")}
    if (found := told.get("project")) == project:
        model_json.check(told, str(path), exported=False)
    else:
        raise UserError(
            f"{path}: a model of another project. Received: {found}. "
            f"Use {launch.command(f'{found}/export.py', model_file)}"
        )
    return told


def _unknown(project: str, parts: dict) -> dict:
    """The description of a model that comes alone: nothing is known of its training but the files named here."""
    from common.provenance import provenance

    return {
        "version": 1,
        "project": project,
        "status": "exported",
        "datasets": {split: _dataset(part) for split, part in parts.items()},
        "synthetic_fallback": False,
        "options": None,
        "provenance": provenance(),
    }


def _check_calibration(paths: list[Path], parts: dict, told: dict | None) -> None:
    """Refuses test and validation patches for calibration: the parity on validation would be flattered."""
    digest = parts["train"].digest
    tests = [path.name for path in paths if "_test_" in path.name]
    if told and digest == told["datasets"].get("test", {}).get("digest"):
        tests = [path.name for path in paths]
    if tests:
        raise UserError(f"calibration takes training patches, never test. Received: {', '.join(tests)}.")
    if digest == parts["validation"].digest:
        raise UserError("calibration takes training patches. Received: the validation patches. Name other files.")


def _check_validation(validation, told: dict) -> None:
    """Refuses other patches than the run was validated on: its contract would vouch for what was never checked."""
    if validation.digest != told["datasets"].get("validation", {}).get("digest"):
        raise UserError(
            f"these are not the patches that the run was validated on. Received: {', '.join(validation.files)}. "
            "Name those, or a new folder with --output-dir."
        )


def _dataset(part) -> dict:
    names = ", ".join(part.files)
    return {"name": names, "source": names, "digest": part.digest, "patches": len(part)}
