"""Trains a model for every combination of the values of some options; all runs get the options after `--`."""

from dataclasses import dataclass, replace

from common.cli.option import add_options, check_limits, option
from common.cli.program import Parser
from common.errors import UserError

EPILOG = """All other options are those of train.py, with one value, or with several values to try (an array).
  --filters "4 4 8 8" "8 8 16 16"   two values; a value of several numbers is quoted
  --augment on off                  tries the switch on and off; --augment or --no-augment sets it for every run
  --epochs 20                       one value: every run gets it
If an option is given twice, the last one counts. Everything after `--` is passed to every run unchanged.

examples:
  python3 grid_search classifier_cnn.train --filters "4 4 8 8" "8 8 16 16" --dense 32 64 -- --dataset synthetic
  bash train_grid.sh --epochs 50 --jobs 8      the arrays of the script, with these options added
  bash train_grid.sh                           starts the grid, or resumes it
  python3 grid_search --report                 the overview of the latest grid, even while it runs

Exit status: 0 if all runs succeeded, 1 if some failed, 2 for bad input, 130 or 143 if stopped.
"""
# The grid sets the options in RESERVED itself; those in ONE_FOR_ALL must have the same value for all runs.
RESERVED = ("resume", "run-name", "list-datasets")
ONE_FOR_ALL = ("output-dir", "data-root", "archive-url", "tracking", "require-tracking", "experiment", "threads")


@dataclass(frozen=True)
class GridOptions:
    """The settings of `python3 grid_search`.

    arrays: the name of an option of train.py, without dashes -> its values as on the command line; "on" and "off" for a
        switch.
    rest: arguments for every run.
    """

    module: str | None
    arrays: dict[str, tuple[str, ...]]
    rest: tuple[str, ...]
    jobs: int | None = option(
        None, "maximum number of parallel runs (default: as many as fit)", "N", low=1, high=10_000
    )
    gpus_per_training: float | None = option(
        None, "fraction of a GPU per run (default: 0.25 if there is a GPU)", "X", low=0, high=64
    )
    memory: float | None = option(None, "memory per run (default: depends on the data)", "GB", low=0.1, high=10_000)
    address: str | None = option(
        None, "Ray cluster to join; can also be set with RAY_ADDRESS (default: this machine only)", "HOST:PORT"
    )
    prune: bool = option(False, "stop runs that fall behind, by asynchronous successive halving on the metric")
    metric: str | None = option(None, "column of metrics.csv for ranking and pruning (default: val_loss)", "NAME")
    seeds: int | None = option(None, "train with N seeds starting at --seed; rank by the mean", "N", low=1, high=1000)
    dry_run: bool = option(False, "check everything, get the data, print the plan, and exit")
    report: bool = option(False, "write the overview of the existing results, and exit")

    def __post_init__(self):
        check_limits(self)


def parse_args(argv: list[str]) -> GridOptions:
    """Splits the command line into the options of the grid and those of the runs.

    Raises:
        UserError: no module is given, an option is one that the grid sets itself, or a value is invalid.
    """
    parser = Parser(prog="python3 grid_search", description=__doc__, epilog=EPILOG)
    parser.add_argument("module", nargs="?", metavar="MODULE", help="the module to train, such as classifier_cnn.train")
    add_options(parser, GridOptions, groups={})
    own_options = {option for action in parser._actions for option in action.option_strings}
    own, arrays, rest = split(argv, own_options)
    for word in rest:
        if (name := word.partition("=")[0]) in own_options:
            raise UserError(f"{name} is an option of the grid, not of runs. Received: -- {word}. Write it before `--`.")
    given = {name: value for name, value in vars(parser.parse_args(own)).items() if value is not None}
    options = GridOptions(**{"module": None} | given, arrays=arrays, rest=rest)
    for name in (*arrays, *(word[2:].partition("=")[0] for word in rest if word.startswith("--"))):
        if name in RESERVED:
            raise UserError(f"A grid sets --{name} itself. Received: --{name}. Leave it out.")
        if name in ONE_FOR_ALL and len(arrays.get(name, ())) > 1:
            raise UserError(f"--{name} must be the same for all runs. Received: {', '.join(arrays[name])}.")
    if options.module is None and not options.report:
        raise UserError("The module to train is missing. For example: python3 grid_search classifier_cnn.train.")
    more = [name for name in (*arrays, *rest, *given) if name not in ("output-dir", "report", "metric")]
    if options.module is None and more:
        raise UserError(f"--report without a module takes only --output-dir. Received: {', '.join(more)}.")
    if options.seeds is None:
        return options
    # The seeds come first, so that every setting is trained with the first seed before any gets the second.
    first, *more = arrays.pop("seed", ("0",))
    if more or not first.isdecimal() or any(word.startswith("--seed") for word in rest):
        raise UserError(f"--seeds needs a single --seed to start at, given before `--`. Received: {' '.join(argv)}.")
    seeds = tuple(str(int(first) + i) for i in range(options.seeds))
    return replace(options, arrays={"seed": seeds} | arrays)


def split(argv: list[str], own_options: set[str]) -> tuple[list[str], dict[str, tuple], tuple[str, ...]]:
    """Returns (arguments of the grid, arrays, arguments after `--`); if an array is repeated, the last one counts."""
    before, rest = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    own, arrays, current = [], {}, None
    for word in before:
        option, equals, value = word.partition("=")
        if not word.startswith("--"):
            (own if current is None else current).append(word)
        elif option in own_options:
            own.append(word)
            current = None
        else:
            name, current = option[2:], [value] if equals else []
            if name.startswith("no-"):
                name, current = name[3:], ["off"]
            arrays[name] = current
    return own, {name: tuple(values) or ("on",) for name, values in arrays.items()}, tuple(rest)
