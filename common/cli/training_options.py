"""The options that both trainings share, and their check. Imports nothing heavy: `--help` and a typo answer at once.

The defaults stand once, in the dataclass: the parser itself has none, so it tells what was asked for from what was not.
"""

import argparse
import dataclasses
import os
import types
from dataclasses import dataclass
from pathlib import Path
from typing import get_args, get_origin

from common.cli.archive_url import DEFAULT_URL
from common.cli.find_run import find_run, read_config
from common.cli.program import Parser
from common.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[2]
# What may be said again when a run is resumed: where things are and how to reach them, never what is trained.
FREE_ON_RESUME = {
    "resume",
    "init",  # elsewhere by now; that it is the same model is checked
    "data_root",
    "archive_url",
    "offline",
    "output_dir",
    "threads",
    "require_gpu",
    "export",
    "input",
    "robot",
    "accept_sampling",
}
# What a project with a network of its own and no exports leaves out of its command line.
OF_OUR_NETWORKS = (
    *("filters", "dense", "regularize", "augment", "init", "stream"),
    *("export", "input", "robot", "namespace", "accept_sampling"),
)
EXPORTS = ("none", "keras", "all")
INPUTS = ("raw", "normalised")


@dataclass(frozen=True)
class TrainingOptions:
    """One training, as the command line describes it; checked where it is made.

    Raises:
        UserError: a value that cannot be.
    """

    filters: tuple[int, ...] = (8, 8, 16, 16)
    dense: int = 64
    dataset: str | None = None
    data_train: tuple[Path, ...] = ()
    data_val: tuple[Path, ...] = ()
    data_test: tuple[Path, ...] = ()
    data_root: Path = dataclasses.field(default_factory=lambda: _folder("BALL_DATA_ROOT", "data"))
    archive_url: str = dataclasses.field(default_factory=lambda: os.environ.get("BALL_ARCHIVE_URL") or DEFAULT_URL)
    offline: bool = False
    stream: bool = False
    list_datasets: bool = False
    epochs: int | None = None  # None: by the amount of training data
    batch_size: int = 128
    learning_rate: float = 1e-2
    augment: bool = True
    mean: tuple[float, ...] = ()  # empty: of the training patches
    regularize: bool = False
    seed: int = 0
    init: Path | None = None
    threads: int = 1
    require_gpu: bool = False
    export: str = "all"
    input: str = "raw"
    robot: tuple[str, ...] = ()
    accept_sampling: bool = False
    tracking: str | None = None
    require_tracking: bool = False
    experiment: str | None = None
    run_name: str | None = None
    output_dir: Path = dataclasses.field(default_factory=lambda: _folder("BALL_OUTPUT_DIR", "runs"))
    resume: str | None = None
    dry_run: bool = False

    def __post_init__(self):
        if len(self.filters) == 1:
            object.__setattr__(self, "filters", self.filters * 4)
        if len(self.filters) != 4 or not all(1 <= count <= 1024 for count in self.filters):
            given = " ".join(str(count) for count in self.filters)
            raise UserError(
                f"--filters takes one number for all four convolutions, or four, each 1 to 1024. Received: {given}."
            )
        for name, low, high in (
            ("dense", 1, 8192),
            ("epochs", 1, 100_000),
            ("batch_size", 2, 65_536),
            ("seed", 0, 2**31 - 1),
            ("threads", 0, 1024),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:  # None: the project decides by its data
                option = "--" + name.replace("_", "-")
                raise UserError(f"{option} takes a whole number from {low} to {high}. Received: {value}.")
        if not 0 < self.learning_rate < 1:
            raise UserError(f"--learning-rate lies between 0 and 1. Received: {self.learning_rate}.")
        for name, choices in (("export", EXPORTS), ("input", INPUTS)):
            if getattr(self, name) not in choices:
                raise UserError(f"--{name} is one of {', '.join(choices)}. Received: {getattr(self, name)}.")
        if any(not 0 <= value < 1 for value in self.mean) or len(self.mean) > 2:
            raise UserError(
                f"--mean takes a brightness of 0 to 1 per channel. Received: {' '.join(map(str, self.mean))}."
            )
        if self.robot and self.export != "all":
            raise UserError(f"--robot writes files, which takes --export all. Received: --export {self.export}.")
        if self.init is not None and not os.path.isfile(self.init):  # noqa: PTH113 - False for a name that is too long, too
            raise UserError(f"--init names a model that is not there. Received: {self.init}.")

    def as_json(self) -> dict:
        """The options as plain values, for config.json and the parameters of the run."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}


def _folder(variable: str, name: str) -> Path:
    """A folder from the environment, else in the repository: the same from wherever a script is started."""
    return Path(os.environ.get(variable) or REPOSITORY / name)


def _plain(value):
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value.absolute()) if isinstance(value, Path) else value


def training_parser(description: str, epilog: str, default_stem: str, without: tuple[str, ...] = ()) -> Parser:
    """A parser with every option that both trainings have, but those that a project leaves out.

    The project adds its own and calls `parse`.
    """
    parser = Parser(description=description, epilog=epilog, argument_default=argparse.SUPPRESS)
    group = parser.add_argument_group("network")
    group.add_argument(
        "--filters", type=int, nargs="+", metavar="N", help="filters of the convolutions: one number, or four"
    )
    group.add_argument("--dense", type=int, metavar="N", help="units of the dense layer")
    _boolean(group, "--regularize", "dropout before the output")
    _add_data_options(parser.add_argument_group("data"), default_stem)
    _add_fit_options(parser.add_argument_group("training"))
    _add_export_options(parser.add_argument_group("files for the robot"))
    _add_run_options(parser.add_argument_group("run and tracking"))
    for action in [action for action in parser._actions if action.dest in without]:
        parser._remove_action(action)
        for group in parser._action_groups:
            if action in group._group_actions:
                group._group_actions.remove(action)
        for name in action.option_strings:
            del parser._option_string_actions[name]
    return parser


def _boolean(group, name: str, text: str) -> None:
    group.add_argument(name, action=argparse.BooleanOptionalAction, help=text)


def _add_data_options(group, default_stem: str) -> None:
    group.add_argument(
        "--dataset",
        metavar="STEM",
        help="a family of the archive up to camera and size, or `synthetic`; without it "
        f"{default_stem}, and the synthetic set where the archive cannot be reached",
    )
    for split, text in (
        ("train", "to train on (several are joined)"),
        ("val", "to validate on"),
        ("test", "to test on"),
    ):
        group.add_argument(
            f"--data-{split}", type=Path, nargs="+", metavar="FILE", help=f"HDF5 files of your own {text}"
        )
    group.add_argument("--data-root", type=Path, metavar="DIR", help="where datasets are kept")
    group.add_argument("--archive-url", metavar="URL", help="where datasets are fetched from")
    _boolean(group, "--offline", "use only what is in the data root")
    _boolean(group, "--stream", "leave the patches in their files and read them block by block: for more than fits")
    group.add_argument("--list-datasets", action="store_true", help="show the families, mark what is cached, and end")


def _add_fit_options(group) -> None:
    group.add_argument(
        "--epochs", type=int, metavar="N", help="passes over the training patches (default: more over few)"
    )
    group.add_argument("--batch-size", type=int, metavar="N", help="patches per step")
    group.add_argument(
        "--learning-rate", type=float, metavar="X", help="highest rate of the warm-up and cosine schedule"
    )
    _boolean(group, "--augment", "augment the training patches")
    group.add_argument(
        "--mean",
        type=float,
        nargs="+",
        metavar="M",
        help="brightness per channel, 0 to 1, that the network subtracts (default: the training patches' own); two "
        "models that share one file for a robot need the same",
    )
    group.add_argument("--seed", type=int, metavar="N", help="seed of everything random")
    group.add_argument("--init", type=Path, metavar="MODEL.keras", help="start from this model's weights (fine-tuning)")
    group.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="CPU threads; these networks are fastest on one, 0 leaves it to TensorFlow",
    )
    _boolean(group, "--require-gpu", "end with an error where there is no usable GPU")


def _add_export_options(group) -> None:
    group.add_argument(
        "--export",
        choices=EXPORTS,
        help="all: every deployable form with parity, cost and model card; keras: model.keras with its card; none: "
        "model.keras and model.json with numbers, threshold and counted cost, nothing timed, for grids: "
        "`export.py RUN` makes the rest for the winner",
    )
    group.add_argument(
        "--input",
        choices=INPUTS,
        help="what TFLite and ONNX files take: raw 0..255, or normalised (value / 255 - mean) for loaders that do so",
    )


def _add_run_options(group) -> None:
    group.add_argument(
        "--tracking",
        metavar="SERVER",
        help="MLflow server: default (the team's, else local), deepl, local or an address; also MLFLOW_TRACKING_URI",
    )
    _boolean(group, "--require-tracking", "end with an error where that server does not answer")
    group.add_argument("--experiment", metavar="NAME", help="MLflow experiment (default: the project's name)")
    group.add_argument(
        "--run-name",
        metavar="NAME",
        help="name of the run; {dataset} in it becomes the dataset's (default: network and dataset)",
    )
    group.add_argument("--output-dir", type=Path, metavar="DIR", help="every run gets a folder of its own in here")
    group.add_argument(
        "--resume",
        metavar="RUN",
        help="resume a stopped run: its folder, or its name (the newest of that name)",
    )
    group.add_argument(
        "--dry-run", action="store_true", help="one step through the whole path, to see that all is in place"
    )


def parse(parser: Parser, kind: type[TrainingOptions], argv: list[str] | None) -> TrainingOptions:
    """Parses and checks; with --resume the settings come from the run's config.json.

    Raises:
        UserError: a value that cannot be, a run that cannot be resumed, or a setting given beside --resume.
    """
    defaults = kind()
    for action in parser._actions:
        value = getattr(defaults, action.dest, None)
        if value not in (None, False, ()) and action.help:
            shown = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            action.help += f" (default: {shown})".replace("%", "%%").replace("(default: True)", "(default: on)")
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in vars(parser.parse_args(argv)).items()}
    return _resumed(kind, given) if "resume" in given else kind(**given)


def _resumed(kind: type[TrainingOptions], given: dict) -> TrainingOptions:
    fixed = sorted("--" + name.replace("_", "-") for name in given.keys() - FREE_ON_RESUME)
    if fixed:
        raise UserError(
            f"A resumed run keeps its settings. Received: {', '.join(fixed)} beside --resume. Leave them out."
        )
    folder = find_run(given["resume"], given.get("output_dir", kind().output_dir))
    saved = read_config(folder)["options"]
    if saved.keys() - {field.name for field in dataclasses.fields(kind)}:
        raise UserError(f"This run was made by another version or project. Received: {folder}.")
    return from_json(kind, saved, **given | {"resume": str(folder), "output_dir": folder.parent})


def from_json(kind: type[TrainingOptions], saved: dict, **changes) -> TrainingOptions:
    """The options that `as_json` wrote, with some of them changed."""
    names = {field.name: field.type for field in dataclasses.fields(kind)}
    if unknown := sorted(saved.keys() - names.keys()):
        raise UserError(f"config.json is of another version or project. Received: {', '.join(unknown)[:200]}.")
    return kind(**{name: _typed(name, names[name], value) for name, value in saved.items()} | changes)


def _typed(name: str, kind, value):
    """Turns a JSON value back into what the field holds.

    Raises:
        UserError: it is of another type.
    """
    if isinstance(kind, types.UnionType):
        return None if value is None else _typed(name, get_args(kind)[0], value)
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_typed(name, get_args(kind)[0], item) for item in value)
    if kind is Path and isinstance(value, str) and "\0" not in value:
        return Path(value)
    if kind is float and type(value) in (int, float) and abs(value) < 1e300:
        return float(value)
    if type(value) is kind:
        return value
    raise UserError(f"config.json holds a setting that cannot be. Received: {name}: {str(value)[:80]}.")
