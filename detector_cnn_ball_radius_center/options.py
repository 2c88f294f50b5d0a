"""Parses the detector's command line: its own options and the shared ones (common/cli/training_options.py)."""

from dataclasses import dataclass

from common.cli.training_options import TrainingOptions, parse, training_parser
from common.datasets.families import DEFAULT_STEMS
from common.errors import UserError
from robot_export.robots import add_robot_options, file_kinds

PROJECT = "detector_cnn_ball_radius_center"
DEFAULT_STEM = DEFAULT_STEMS["detection"]
PATCHES_SEEN = 2_500_000  # patches seen in a run of default length, all epochs together
LOSSES = ("huber", "mae", "circle-iou")
EPILOG = """examples:
  python3 train.py                                    the team's default family, from the cache or the archive
  python3 train.py --loss circle-iou --filters 8 --dense 32
  python3 train.py --dataset synthetic --tracking local   needs no internet connection
  python3 train.py --data-train a.h5 b.h5 --data-val c.h5
  python3 train.py --resume NAME                      resume a stopped run

Exit status: 0 for success, 2 for bad input, 130 or 143 if stopped (the best model so far is saved and evaluated).
"""


@dataclass(frozen=True)
class Options(TrainingOptions):
    """The settings of a detector run, explained in the help of each option; RECIPE.md explains the defaults."""

    loss: str = "huber"

    def __post_init__(self):
        super().__post_init__()
        file_kinds(self.robot, "detector")
        if self.loss not in LOSSES:
            raise UserError(f"--loss must be one of {', '.join(LOSSES)}. Received: {self.loss}.")


def parse_args(argv: list[str] | None = None) -> Options:
    """Parses the command line of train.py; see `common.cli.training_options.parse`."""
    parser = training_parser("Trains the CNN that finds where in a patch the ball is.", EPILOG, DEFAULT_STEM)
    group = parser.add_argument_group("circle")
    group.add_argument("--loss", choices=LOSSES, help="the loss; the README compares them")
    add_robot_options(parser.add_argument_group("robots"))
    return parse(parser, Options, argv, PROJECT)
