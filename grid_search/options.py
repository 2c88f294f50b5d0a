"""The command line of a grid: its own options, arrays of train.py's options, and after `--` what every run gets."""

from dataclasses import dataclass, replace
from pathlib import Path

from common.cli.option import add_options, check_limits, option
from common.cli.program import Parser
from common.cli.training_options import TrainingOptions
from common.errors import UserError

EPILOG = """Any other option is one of train.py's, with one value or with several to try: an array.
  --filters "4 4 8 8" "8 8 16 16"   two values; one that has several numbers is quoted
  --augment on off                  a switch, tried both ways; --augment, --no-augment: one way
  --epochs 20                       one value: every run gets it
Given twice, the last one counts. What follows `--` goes to every run as it is.

examples:
  python3 grid_search classifier_cnn.train --filters "4 4 8 8" "8 8 16 16" --dense 32 64 -- --dataset synthetic
  bash train_grid.sh --epochs 50 --jobs 8      arrays from the script, everything else from here
  bash train_grid.sh                           the same command resumes where it stopped
  python3 grid_search --report               the overview of the latest grid, running or not

Ends with status 0 when every run succeeded, 1 when some failed, 2 for bad input, 130 or 143 when stopped.
"""
# Where a run lies and what it is called is the grid's business; the rest cannot differ within one grid.
RESERVED = ("resume", "run-name", "list-datasets", "help")
ONE_FOR_ALL = ("output-dir", "data-root", "archive-url", "tracking", "require-tracking", "experiment", "threads")


@dataclass(frozen=True)
class GridOptions:
    """What `python3 grid_search` was asked for.

    arrays: option of train.py without dashes -> its values as on the command line; None: a switch that is on, "off" one
    that is off. rest: arguments that every run gets.
    """

    module: str | None
    arrays: dict[str, tuple[str | None, ...]]
    rest: tuple[str, ...]
    jobs: int | None = option(None, "runs at once (default: as many as fit)", "N", low=1, high=10_000)
    gpus_per_training: float | None = option(
        None, "share of a GPU (default: 0.25 where there is one)", "X", low=0, high=64
    )
    memory: float | None = option(
        None, "memory to reserve per run (default: by the data's size)", "GB", low=0.1, high=10_000
    )
    address: str | None = option(
        None, "a Ray cluster to use, also RAY_ADDRESS (default: this machine alone)", "HOST:PORT"
    )
    prune: bool = option(False, "stop runs that are behind: asynchronous successive halving on the metric")
    metric: str | None = option(None, "column of metrics.csv that ranks and prunes (default: val_loss)", "NAME")
    seeds: int | None = option(
        None, "train every setting N times, from --seed on, and rank by the mean: one seed is half luck", "N",
        low=1, high=1000,
    )  # fmt: skip
    dry_run: bool = option(False, "check everything, fetch the data, print the plan, end")
    report: bool = option(False, "rebuild the overview from what is there, and end")

    def __post_init__(self):
        check_limits(self)


def parse_args(argv: list[str]) -> GridOptions:
    """Splits the command line into the grid's options and those of the runs.

    Raises:
        UserError: no module, an option that a grid sets itself, or impossible values.
    """
    parser = Parser(prog="python3 grid_search", description=__doc__, epilog=EPILOG)
    parser.add_argument("module", nargs="?", metavar="MODULE", help="what to train: classifier_cnn.train")
    add_options(parser, GridOptions, groups={})
    own, arrays, rest = split(argv, {option for action in parser._actions for option in action.option_strings})
    given = {name: value for name, value in vars(parser.parse_args(own)).items() if value is not None}
    options = GridOptions(**{"module": None} | given, arrays=arrays, rest=rest)
    if options.seeds is not None:
        seeds = _seeds(options.seeds, arrays.pop("seed", ("0",)), rest)
        options = replace(options, arrays={"seed": seeds} | arrays)
    for name, values in arrays.items():
        if name in RESERVED:
            raise UserError(f"A grid decides --{name} itself. Received: --{name}. Leave it out.")
        if name in ONE_FOR_ALL and len(values) > 1:
            raise UserError(f"--{name} is the same for all runs. Received: {', '.join(map(str, values))}.")
    if options.module is None and not options.report:
        raise UserError("Which project? Name its module, for example: python3 grid_search classifier_cnn.train.")
    if options.module is None and (set(arrays) - {"output-dir"} or rest):
        raise UserError(f"--report without a module takes --output-dir alone. Received: {', '.join([*arrays, *rest])}.")
    return options


def _seeds(count: int, first: tuple[str | None, ...], rest: tuple[str, ...]) -> tuple[str, ...]:
    """The array that `--seeds` stands for; first among the arrays, so that every setting is trained once before twice.

    Raises:
        UserError: seeds that are also named one by one.
    """
    if len(first) > 1 or not str(first[0]).isdecimal() or any(word.startswith("--seed") for word in rest):
        given = " ".join(map(str, first)) if len(first) > 1 or first[0] != "0" else " ".join(rest)
        raise UserError(f"--seeds counts from one --seed on, named before `--`. Received: {given}.")
    return tuple(str(int(str(first[0])) + i) for i in range(count))


def split(argv: list[str], own_options: set[str]) -> tuple[list[str], dict[str, tuple], tuple[str, ...]]:
    """Separates (arguments of the grid, arrays, what follows `--`). An array that is given again replaces the former.

    Raises:
        UserError: a single dash, which the runs do not know.
    """
    before, rest = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    own, arrays, current = [], {}, None
    for word in before:
        option, equals, value = word.partition("=")
        if not word.startswith("--"):
            (own if current is None else current).append(word)
        elif option in own_options or option == "--help":
            own.append(word)
            current = None
        else:
            name, current = option[2:], [value] if equals else []
            if name.startswith("no-"):
                name, current = name[3:], ["off"]
            arrays[name] = current
    return own, {name: tuple(values) or (None,) for name, values in arrays.items()}, tuple(rest)


def output_dir(options: GridOptions) -> Path:
    """Where `--report` without a module looks."""
    given = options.arrays.get("output-dir", (None,))[0]
    return Path(given) if given else TrainingOptions().output_dir
