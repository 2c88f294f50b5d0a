"""Declares and checks the options of every run. Imports no large packages, so `--help` and errors appear quickly.

Each option is a field of the dataclass. The parser has no defaults: it returns only the options that were given.
"""

import argparse
import dataclasses
import os
import shlex
from pathlib import Path

from common.cli import launch
from common.cli.archive_url import DEFAULT_URL, checked_url
from common.cli.find_run import default_output_dir, find_run, read_config, resume_command, training_script
from common.cli.option import add_options, as_json, check_limits, default_of, from_json, option, spelled
from common.cli.program import Parser, output_folder
from common.errors import UserError

# Allowed together with --resume: options for paths, servers and exports, but none that affects training.
FREE_ON_RESUME = {
    "resume",
    "init",  # the file may have been moved, but the model must be the same
    *("data_root", "archive_url", "offline", "output_dir", "threads", "require_gpu"),
    *("export", "input", "robot", "accept_sampling"),
}
# A project with its own network and without exports leaves out these options.
OF_OUR_NETWORKS = (
    *("filters", "dense", "regularize", "augment", "init", "stream"),
    *("export", "input", "robot", "namespace", "accept_sampling"),
)
INPUTS = ("raw", "normalised")
# The first option of each group in the --help text -> title of the group.
GROUPS = {
    "filters": "network",
    "dataset": "data",
    "epochs": "training",
    "export": "files for the robot",
    "tracking": "run and tracking",
}
DATASET_HELP = (
    "stem of a dataset family, as --list-datasets shows it, or `synthetic` (default: DEFAULT, or `synthetic` if "
    "the archive cannot be reached)"
)
MEAN_HELP = (
    "brightness per channel, 0 to 1, that the network subtracts (default: mean of the training patches); two models in "
    "one file for a robot need the same mean"
)
EXPORT_HELP = (
    "all: every export format, with parity, cost and model card; keras: only model.keras and its card; none: only "
    "model.keras and model.json, to save time in a grid (`export.py RUN` can export a run later)"
)


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """The settings of one run from the command line; creating them raises a UserError if a setting is invalid."""

    filters: tuple[int, ...] = option((8, 8, 16, 16), "filters per convolution: one number, or four numbers", "N")
    dense: int = option(64, "units of the dense layer", "N", low=1, high=8192)
    regularize: bool = option(False, "apply dropout before the output layer")
    dataset: str | None = option(None, DATASET_HELP, "STEM")
    data_train: tuple[Path, ...] = option((), "your own HDF5 files to train on (several are joined)", "FILE")
    data_val: tuple[Path, ...] = option((), "your own HDF5 files to validate on", "FILE")
    data_test: tuple[Path, ...] = option((), "your own HDF5 files to test on", "FILE")
    data_root: Path = option(
        lambda: Path(os.environ.get("BALL_DATA_ROOT") or launch.ROOT / "data"), "folder for datasets", "DIR"
    )
    archive_url: str = option(
        lambda: os.environ.get("BALL_ARCHIVE_URL") or DEFAULT_URL, "address from which datasets are downloaded", "URL"
    )
    offline: bool = option(False, "download nothing; use only the files in --data-root")
    stream: bool = option(
        False, "leave the patches in their files and read them in blocks, for datasets that do not fit into memory"
    )
    list_datasets: bool = option(False, "list the dataset families and the cached files, and exit")
    epochs: int | None = option(  # None: the project chooses a number that depends on its data
        None, "passes over all training patches (default: 20, or more for few patches)", "N", low=1, high=100_000
    )
    batch_size: int = option(128, "number of patches per training step", "N", low=2, high=65_536)
    learning_rate: float = option(1e-2, "highest learning rate, reached at the end of the warm-up", "X")
    augment: bool = option(True, "augment the training patches")
    mean: tuple[float, ...] = option((), MEAN_HELP, "M")
    seed: int = option(0, "seed for all random choices", "N", low=0, high=2**31 - 1)
    init: Path | None = option(None, "start from this model's weights (fine-tuning)", "MODEL.keras")
    threads: int = option(
        1, "number of CPU threads; these networks are fastest with one; 0: TensorFlow decides", "N", low=0, high=1024
    )
    require_gpu: bool = option(False, "end with an error if no GPU can be used")
    export: str = option("all", EXPORT_HELP, choices=("none", "keras", "all"))
    input: str = option(
        "raw",
        "input of TFLite and ONNX files: raw 0..255, or normalised for loaders that compute value / 255 - mean",
        choices=INPUTS,
    )
    robot: tuple[str, ...] = ()  # the options --robot and --accept-sampling are declared in robot_export.robots
    accept_sampling: bool = False
    tracking: str | None = option(
        None,
        "MLflow server: default (the team's server, otherwise local), deepl, local or an address (default: "
        "MLFLOW_TRACKING_URI if it is set, otherwise default)",
        "SERVER",
    )
    require_tracking: bool = option(False, "end with an error if the tracking server does not answer")
    experiment: str | None = option(None, "MLflow experiment (default: the project's name)", "NAME")
    run_name: str | None = option(
        None, "name of the run; {dataset} means the dataset's short name (default: filters, dense, {dataset})", "NAME"
    )
    output_dir: Path = option(default_output_dir, "folder in which every run gets its own folder", "DIR")
    resume: str | None = option(None, "resume a stopped run by its folder or name (the newest with that name)", "RUN")
    dry_run: bool = option(False, "run every part of the program once, with a single training step")

    def __post_init__(self):
        if len(self.filters) == 1:
            object.__setattr__(self, "filters", self.filters * 4)
        if len(self.filters) != 4 or not all(1 <= count <= 1024 for count in self.filters):
            given = " ".join(str(count) for count in self.filters)
            raise UserError(
                f"--filters takes one number for all convolutions, or four numbers, from 1 to 1024. Received: {given}."
            )
        check_limits(self)
        self._check_data()
        if not 0 < self.learning_rate < 1:
            raise UserError(f"--learning-rate must be between 0 and 1. Received: {self.learning_rate}.")
        if any(not 0 <= value < 1 for value in self.mean) or len(self.mean) > 2:
            raise UserError(
                f"--mean takes a brightness of 0 to 1 per channel. Received: {' '.join(map(str, self.mean))}."
            )
        if self.robot and self.export != "all":
            raise UserError(f"--robot needs --export all. Received: --export {self.export}.")
        if self.init is not None and not os.path.isfile(self.init):  # noqa: PTH113 - also False for a name that is too long
            raise UserError(f"--init takes an existing .keras file, such as RUN/model.keras. Received: {self.init}.")

    def _check_data(self):
        checked_url(self.archive_url)
        own = {"--data-train": self.data_train, "--data-val": self.data_val, "--data-test": self.data_test}
        if not (given := [f"{name} {paths[0]}" for name, paths in own.items() if paths]):
            return
        if not self.data_train:
            why = "--data-train is missing. Pass it, too, or use evaluate.py to score other files"
        elif self.dataset is not None:
            why = f"--data-train and --dataset {self.dataset} cannot be combined. Remove one"
        elif self.stream and not self.data_val:
            why = "--stream needs a validation file. Pass one with --data-val, or train without --stream"
        else:
            return
        raise UserError(f"{why}. Received: {', '.join(given)}.")

    def as_json(self) -> dict:
        """Returns the options as plain values, for config.json and the parameters of the run."""
        return as_json(self)


def training_parser(description: str, epilog: str, default_stem: str, without: tuple[str, ...] = ()) -> Parser:
    """Makes a parser with the options of all runs; a project leaves out some, adds its own, and then calls `parse`."""
    parser = Parser(description=description, epilog=epilog, argument_default=argparse.SUPPRESS)
    add_options(parser, TrainingOptions, GROUPS, without)
    for action in parser._actions:
        action.help = action.help.replace("DEFAULT", default_stem)
    return parser


def parse(
    parser: Parser, kind: type[TrainingOptions], argv: list[str] | None, project: str | None = None
) -> TrainingOptions:
    """Parses `argv` (None for the program's arguments); with --resume, the settings come from the run's config.json.

    `kind` is the class of the result; `project` is the project whose runs can be resumed.

    Raises:
        UserError: a value is invalid, the output folder cannot be written to, the run cannot be resumed, or a setting
            was given together with --resume.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for action in parser._actions:
        value = default_of(fields[action.dest]) if action.dest in fields else None
        if value not in (None, ()) and value is not False and action.help:
            shown = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            action.help += f" (default: {shown})".replace("%", "%%").replace("(default: True)", "(default: on)")
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in vars(parser.parse_args(argv)).items()}
    options = _resumed(kind, given, project) if "resume" in given else kind(**given)
    if not (options.list_datasets or options.resume):
        output_folder(options.output_dir)
    return options


def _resumed(kind: type[TrainingOptions], given: dict, project: str | None) -> TrainingOptions:
    folder = find_run(given["resume"], given.get("output_dir") or default_output_dir())
    config = read_config(folder)
    owner, model = config.get("project"), folder / "model.keras"
    if project and isinstance(owner, str) and owner != project:
        script = training_script(owner)
        how = f" Resume it with: {resume_command(script, folder)}" if script else ""
        raise UserError(f"This run belongs to {owner}, not to {project}. Received: --resume {given['resume']}.{how}")
    if fixed := sorted(map(spelled, given.keys() - FREE_ON_RESUME)):
        how = f", or start a new run from its model: --init {shlex.quote(launch.shortest(model))}"
        raise UserError(
            f"A resumed run keeps its settings. Received: {', '.join(fixed)} together with --resume. "
            f"Leave out {', '.join(fixed)}{how if model.is_file() else '.'}"
        )
    return from_json(kind, config["options"], **given | {"resume": str(folder), "output_dir": folder.parent})


def default_epochs(patches: int, patches_seen: int) -> int:
    """Returns the default number of epochs: at least 20, and more if there are few patches."""
    return max(20, round(patches_seen / patches))
