"""Leaves out one venue at a time, trains on the other venues and scores the model on the venue that was left out.

python3 venues.py --dataset STEM                          recordings whose names differ only in the number are one venue
python3 venues.py --dataset STEM --group '^(top|bottom)'  the first group of a regular expression names the venue
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from classifier_cnn.options import DEFAULT_STEM, Options, add_limit
from common.cli import launch
from common.cli.program import run_main
from common.cli.quiet import quiet_stderr
from common.cli.training_options import parse, training_parser
from common.errors import UserError

WITHOUT = (
    *("stream", "init", "resume", "list_datasets", "export", "input", "robot", "accept_sampling", "dry_run"),
    *("tracking", "require_tracking", "experiment", "run_name"),
)


@dataclass(frozen=True)
class VenueOptions(Options):
    """The options of the runs, and the pattern that groups recordings into venues."""

    group: str = r"^(.+?)[\W_]*\d*$"

    def __post_init__(self):
        super().__post_init__()
        try:
            groups = re.compile(self.group).groups
        except (re.error, OverflowError, RecursionError) as error:
            raise UserError(f"--group is not a regular expression: {error}. Received: {self.group}.") from None
        if not groups:
            raise UserError(f"--group needs a pattern with the venue in parentheses. Received: {self.group}.")


def parse_args(argv: list[str] | None = None) -> VenueOptions:
    """Parses and checks the options."""
    parser = training_parser((__doc__ or " ").splitlines()[0], "", DEFAULT_STEM, WITHOUT)
    parser.add_argument(
        "--group",
        metavar="PATTERN",
        help="regular expression whose first group matches the venue in a recording's name",
    )
    add_limit(parser, "each run chooses its threshold on its own validation patches")
    return parse(parser, VenueOptions, argv)


def main(argv: list[str] | None = None) -> None:
    """Parses the command line, then leaves out one venue at a time."""
    options = parse_args(argv)
    launch.switch_off()
    with quiet_stderr():
        from classifier_cnn.leave_out_venues import leave_each_out
    leave_each_out(options, options.group)


if __name__ == "__main__":
    sys.exit(run_main(main))
