"""Parses the classifier's command line: its own options, and the common options of all runs."""

from dataclasses import dataclass

from common.cli.training_options import TrainingOptions, parse, training_parser
from common.datasets.families import DEFAULT_STEMS
from common.errors import UserError
from robot_export.robots import add_robot_options, file_kinds

PROJECT = "classifier_cnn"
DEFAULT_STEM = DEFAULT_STEMS["classification"]
PATCHES_SEEN = 1_100_000  # patches seen in a run of default length: 200 epochs on the real patches in RECIPE.md
MAX_FPR = 0.01
CONFIDENCE = 0.95
EPILOG = """examples:
  python3 train.py --filters 8 --dense 32             the team's default family, from the cache or the archive
  python3 train.py --dataset synthetic --tracking local   needs no internet connection
  python3 train.py --data-train a.h5 b.h5 --data-val c.h5
  python3 train.py --resume NAME                      resume a stopped run

Exit status: 0 for success, 2 for bad input, 130 or 143 if stopped (the best model so far is saved and evaluated).
"""


@dataclass(frozen=True)
class Options(TrainingOptions):
    """The settings of a classifier run, explained in the help of each option; RECIPE.md explains the defaults."""

    positive_weight: float = 1.0
    max_fpr: float = MAX_FPR
    confidence: float = CONFIDENCE

    def __post_init__(self):
        super().__post_init__()
        file_kinds(self.robot, "classifier")
        if not 0 < self.positive_weight <= 1000:
            raise UserError(f"--positive-weight must be above 0 and at most 1000. Received: {self.positive_weight}.")
        check_limit(self.max_fpr, self.confidence)


def add_limit(group, meaning: str) -> None:
    """Adds `--max-fpr` and `--confidence` to a command that chooses a threshold."""
    text = f"highest allowed false positive rate of the threshold, from 0 to below 1; {meaning}"
    group.add_argument("--max-fpr", type=float, metavar="X", help=text)
    text = (
        "confidence that the rate also holds for new patches of the same kind, from 0.5 to below 1; 0: no guarantee; "
    )
    text += "the rate holds on the patches used to choose the threshold, but is often exceeded on new patches"
    group.add_argument("--confidence", type=float, metavar="X", help=text)


def check_limit(max_fpr: float | None, confidence: float | None) -> None:
    """Refuses rates and confidences that are out of range. None is accepted, and means the default.

    Raises:
        UserError: a value is out of range.
    """
    if max_fpr is not None and not 0 <= max_fpr < 1:
        raise UserError(f"--max-fpr must be a rate, at least 0 and below 1. Received: {max_fpr}.")
    if confidence is not None and confidence != 0 and not 0.5 <= confidence < 1:
        raise UserError(f"--confidence must be 0, or at least 0.5 and below 1. Received: {confidence}.")


def parse_args(argv: list[str] | None = None) -> Options:
    """Parses the command line of train.py; see `common.cli.training_options.parse`."""
    parser = training_parser("Trains the CNN that decides whether a patch shows a ball.", EPILOG, DEFAULT_STEM)
    group = parser.add_argument_group("ball or no ball")
    text = "weight of a ball in the loss; a patch without a ball has weight 1"
    group.add_argument("--positive-weight", type=float, metavar="X", help=text)
    add_limit(group, "of the thresholds that stay within this rate, the one that finds the most balls is chosen")
    add_robot_options(parser.add_argument_group("robots"))
    return parse(parser, Options, argv, PROJECT)
