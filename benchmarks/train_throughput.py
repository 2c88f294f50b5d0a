"""Compares the speed of training with the textbook method (textbook_loop.py), for filters 4 4 8 8 and dense 32.

.venv/bin/python benchmarks/train_throughput.py speed  patches/s in training and evaluation, one run or two; 3 minutes
.venv/bin/python benchmarks/train_throughput.py command  start, end, memory and imports of a train.py run; 5 minutes
.venv/bin/python benchmarks/train_throughput.py sweep  patches/s by batch size and network size; 5 minutes
.venv/bin/python benchmarks/train_throughput.py stream  speed and memory of a run that streams its patches from files
.venv/bin/python benchmarks/train_throughput.py plot  draws the results in the JSON file
.venv/bin/python benchmarks/train_throughput.py gpu  seconds per epoch on a GPU, with and without XLA; 10 minutes

Each command adds its results to the JSON file. The machine should be otherwise idle.
"""

import argparse
import json
import os
import sys
from datetime import datetime
from pathlib import Path

import gpu_throughput
import side_by_side
import throughput_pictures
import training_methods
import whole_command

COMMANDS = ("speed", "command", "sweep", "stream", "plot", "gpu")


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument(
        "--project", choices=training_methods.PROJECTS, action="append", help="project to measure (default: both)"
    )
    parser.add_argument("--patches", type=int, default=60_000, help="number of patches per epoch (%(default)s)")
    parser.add_argument("--evaluation", type=int, default=20_000, help="number of patches to evaluate (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds (%(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="with gpu: only variants whose name contains TEXT")
    parser.add_argument(
        "--output", type=Path, default=Path("train_throughput.json"), help="JSON file for the results (%(default)s)"
    )
    args = parser.parse_args(argv)
    args.project = args.project or list(training_methods.PROJECTS)
    return args


def main(argv=None) -> int:
    args = parse_args(argv)
    sizes = (args.patches, args.evaluation)
    if args.command == "gpu":
        gpu_throughput.main(args)
        return 0
    if args.command == "plot":
        path = args.output.with_name("train_throughput.png")
        throughput_pictures.draw(path, json.loads(args.output.read_text()))
        print(f"picture: {path}")
        return 0
    for project in args.project:
        print(f"{args.command}, {project}, load {os.getloadavg()[0]:.1f}", flush=True)
        keep(args.output, project, args.command, measure(args.command, project, sizes, args.rounds))
    return 0


def measure(command: str, project: str, sizes: tuple[int, int], rounds: int) -> dict:
    """Runs the measurement of one command for one project."""
    if command in ("command", "stream"):
        return getattr(whole_command, {"command": "measure"}.get(command, command))(project, rounds, sizes)
    return side_by_side.speed(project, rounds, sizes) if command == "speed" else side_by_side.sweep(project, sizes)


def keep(path: Path, project: str, command: str, result) -> None:
    """Adds a result to the JSON file and prints its medians and ratios."""
    told = json.loads(path.read_text()) if path.exists() else {}
    told.setdefault(project, {})[command] = {"at": f"{datetime.now():%Y-%m-%d %H:%M}", "result": result}
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if isinstance(result, dict):
        print(json.dumps({key: value for key, value in result.items() if key not in ("rows", "epochs")}, indent=1))


if __name__ == "__main__":
    sys.exit(main())
