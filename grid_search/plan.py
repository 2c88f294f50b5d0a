"""Plans a grid: checks the options of every run as train.py does, and writes and reads plan.json."""

import contextlib
import hashlib
import importlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from common.atomic_files import read_json, write_json
from common.cli.launch import ROOT
from common.cli.option import from_json
from common.cli.program import Parser, did_you_mean
from common.cli.training_options import FREE_ON_RESUME, TrainingOptions
from common.errors import UserError
from grid_search.options import GridOptions

# These options may change when the same grid is started again: paths and servers, but no training settings.
FREE = FREE_ON_RESUME | {"tracking", "require_tracking", "list_datasets", "run_name"}


@dataclass(frozen=True)
class Run:
    """One run of a grid.

    varies: the value that this run takes from each array. run_name: the name of its folder and of its run in MLflow.
    """

    index: int
    varies: dict[str, str]
    run_name: str
    options: dict

    @property
    def label(self) -> str:
        """The values of this run in words, for example `filters 4 4 8 8, augment on`."""
        return in_words(self.varies) or "the only run"


@dataclass(frozen=True)
class Plan:
    """All runs of a grid.

    module: the training module, such as "classifier_cnn.train". name: the folder's name. metric: the column of
    metrics.csv for ranking. varies: the arrays with more than one value. folder: contains the plan, the logs and the
    overview; the folders of the runs are beside it.
    """

    module: str
    name: str
    folder: Path
    experiment: str
    metric: str
    varies: dict[str, list[str]]
    runs: tuple[Run, ...]

    @property
    def lower_is_better(self) -> bool:
        """Whether a smaller value of the metric is better, according to its name."""
        return any(word in self.metric for word in ("loss", "error", "brier", "false_positive"))

    @property
    def best(self) -> Callable:
        """The function that selects the best value of the metric: `min` or `max`."""
        return min if self.lower_is_better else max

    def log(self, run: Run) -> Path:
        """Returns the log file with a run's output."""
        return self.folder / "logs" / f"{run.index:03}.log"

    def write(self) -> None:
        """Writes plan.json, which `--report` reads."""
        content = {name: value for name, value in asdict(self).items() if name not in ("name", "folder")}
        write_json(self.folder / "plan.json", content)


def combinations(options: GridOptions) -> list[dict[str, str]]:
    """Returns all combinations of the arrays' values; the last array varies fastest."""
    return [dict(zip(options.arrays, values, strict=True)) for values in product(*options.arrays.values())]


def arguments(combination: dict[str, str], rest: tuple[str, ...] = ()) -> list[str]:
    """Returns the command line of train.py for a combination."""
    words = []
    for name, value in combination.items():
        if value == "on":
            words.append(f"--{name}")
        elif value == "off":
            words.append(f"--no-{name}")
        else:  # several numbers in one value become several arguments; a file name remains one argument
            words += [f"--{name}", *(value.split() if re.fullmatch(r"[\d\s.]+", value) else [value])]
    return [*words, *rest]


def make_plan(options: GridOptions) -> tuple[Plan, list[TrainingOptions]]:
    """Checks every combination as train.py does, and gives each run a name that is the same when the grid is resumed.

    Raises:
        UserError: train.py would reject a combination, or two combinations are the same.
    """
    module, combined = find_module(options.module), combinations(options)
    varies = {name: list(values) for name, values in options.arrays.items() if len(values) > 1}
    labels = [{name: one[name] for name in varies} for one in combined]
    checked = [_check(module, arguments(one, options.rest), label) for one, label in zip(combined, labels, strict=True)]
    keys = [_key(one) for one in checked]
    for key, label in zip(keys, labels, strict=True):
        if keys.count(key) > 1:
            raise UserError(f"Two runs of this grid are the same. Received twice: {in_words(label)}.")
    name = f"grid_{module.PROJECT}_{hashlib.sha256(json.dumps([options.module, keys]).encode()).hexdigest()[:8]}"
    runs = tuple(
        Run(i, label, _run_name(one, label, f"{name[-8:]}-{i:03}"), one.as_json())
        for i, (label, one) in enumerate(zip(labels, checked, strict=True))
    )
    experiment, folder = checked[0].experiment or module.PROJECT, (checked[0].output_dir / name).absolute()
    return Plan(options.module, name, folder, experiment, options.metric or "val_loss", varies, runs), checked


def read_plan(folder: Path, metric: str | None = None) -> Plan:
    """Reads the plan in a grid's folder; `metric` replaces the metric for ranking.

    Raises:
        UserError: there is no grid, or plan.json was edited.
    """
    try:
        told = read_json(folder / "plan.json")
        runs = told.pop("runs", None) or told.pop("trainings")  # the key was "trainings" before December 2026
        told["metric"] = metric or told["metric"]
        plan = from_json(Plan, told, name=folder.name, folder=folder, runs=tuple(from_json(Run, run) for run in runs))
        if any(run.varies.keys() != plan.varies.keys() for run in plan.runs):
            raise ValueError("a run belongs to another grid")
    except (UserError, ValueError, TypeError, KeyError, AttributeError):
        raise UserError(f"There is no grid in this folder, or its plan.json was edited. Received: {folder}.") from None
    return plan


def latest_grid(options: GridOptions) -> Path:
    """Returns the folder of the most recently started grid.

    Raises:
        UserError: there is no grid.
    """
    parser = Parser(prog="python3 grid_search")  # this parser rejects a missing or empty value, as train.py does
    parser.add_argument("--output-dir", type=Path, default=TrainingOptions().output_dir)
    output_dir = parser.parse_args(arguments(combinations(options)[0])).output_dir
    found = max(output_dir.glob("grid_*/plan.json"), key=lambda path: path.stat().st_mtime, default=None)
    if not found:
        raise UserError(f"There is no grid in this folder. Received: {output_dir}.")
    return found.parent.absolute()


def find_module(name: str):
    """Imports the train.py of a project, which has PROJECT, Options, parse_args(argv), load_data and train(options).

    Raises:
        UserError: the module does not exist, or is not a training module.
    """
    known = [f"{path.parent.name}.train" for path in ROOT.glob("*/train.py")]
    near = did_you_mean(name, [*known, *(path.stem for path in ROOT.glob("*.py"))])
    try:
        module = importlib.import_module(name)
    except (ImportError, ValueError, TypeError) as error:
        raise UserError(f"This module cannot be imported: {error}. Received: {name}{near or '.'}") from None
    missing = [part for part in ("PROJECT", "Options", "parse_args", "load_data", "train") if not hasattr(module, part)]
    if missing:
        raise UserError(f"not a training module: {', '.join(missing)} missing. Received: {name}{near or '.'}")
    return module


def in_words(varies: dict[str, str]) -> str:
    """Returns a text such as `filters 4 4 8 8, augment on`."""
    return ", ".join(f"{name} {value}" for name, value in varies.items())


def _check(module, words: list[str], label: dict[str, str]) -> TrainingOptions:
    """Checks and returns the options of one run; error messages name its combination."""
    said, which = io.StringIO(), f" In the run with {in_words(label)}." if label else ""
    try:
        with contextlib.redirect_stderr(said):
            options = module.parse_args(words)
    except SystemExit:
        raise UserError(said.getvalue().strip().rpartition("error: ")[2] + which) from None
    except UserError as error:
        raise UserError(f"{error}{which}") from None
    if not options.threads:
        raise UserError("In a grid, --threads must be at least 1. Received: 0.")
    return options


def _key(options: TrainingOptions) -> str:
    trained = {name: value for name, value in options.as_json().items() if name not in FREE}
    return hashlib.sha256(json.dumps(trained, sort_keys=True).encode()).hexdigest()


def _run_name(options: TrainingOptions, label: dict[str, str], mark: str) -> str:
    """Returns the name that a run outside a grid would have, with the values of the arrays and `mark` added.

    For example `8-8-16-16 d64 augment-on combined 16x16 1a2b3c4d-007`. `mark`, at the end, identifies the grid and the
    run; `find_folder` looks for it.
    """
    words = {"filters": "-".join(map(str, options.filters)), "dense": f"d{options.dense}"}
    if options.run_name:  # the project has a default run name, such as `my_cnn {dataset}`
        words = {"name": options.run_name.replace("{dataset}", "").strip()}
    words |= {k: f"{k}-{'-'.join(Path(v).name.split())}" for k, v in label.items() if k not in (*words, "dataset")}
    return f"{' '.join(words.values())[:45]} {{dataset}} {mark}"
