"""Sends runs to MLflow servers (sync) and shows which server has which run (status)."""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # so that this program works in any folder and with any Python
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from common.cli import launch

    launch.in_environment()

from common.cli.program import Parser, run_main
from common.cli.training_options import TrainingOptions
from common.errors import UserError
from mlflow_mirror import sync_and_status


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses one of the two commands and its options."""
    parser = Parser(prog="python3 mlflow_mirror", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sync = commands.add_parser("sync", help="send what is missing; mark runs as ended if their process has died")
    status = commands.add_parser("status", help="list the runs, their servers and what each server still lacks")
    sync.add_argument("--to", metavar="SERVER", help="send runs to this server: default, deepl, local or an address")
    for command in (sync, status):
        command.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="run folders or names (default: all)")
        command.add_argument(
            "--output-dir",
            type=Path,
            default=TrainingOptions().output_dir,  # the same default as for runs; BALL_OUTPUT_DIR changes it
            metavar="DIR",
            help="folder with the runs (default: %(default)s)",
        )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Runs a command. Returns 0 if every server has everything, else 1."""
    options = parse_args(argv)
    default = TrainingOptions().output_dir  # may not exist yet
    if options.output_dir != default and not options.output_dir.is_dir():
        raise UserError(f"There is no such folder. Received: --output-dir {options.output_dir}. Check the path.")
    runs = sync_and_status.find_runs(options.runs, options.output_dir)
    if options.command == "status":
        return sync_and_status.status(runs)
    return sync_and_status.sync(runs, options.output_dir, options.to)


if __name__ == "__main__":
    sys.exit(run_main(main))
