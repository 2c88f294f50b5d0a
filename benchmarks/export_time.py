"""Measures how long the export of every format takes at the end of a run, with the parity and latency checks.

It uses the default networks of both projects. Weights and patches are random, because the time does not depend on them.
The first round includes the imports and the start-up of the converter. The values of `--export` alternate within a
round.

    .venv/bin/python -m benchmarks.export_time --patches 20000

prints wall and CPU seconds per project and `--export`, and writes export_time.json. Takes two minutes on two cores.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from common.atomic_files import write_json
from common.cli import launch
from common.cli.program import run_main
from common.cli.training_options import TrainingOptions
from common.training import devices_and_seeds
from robot_export.export_job import Job
from robot_export.make_and_check import deliver
from tests.robot_export.jobs import PROJECTS, make_job


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patches", type=int, default=20_000, help="patches to run with every format (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds (%(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("export_time.json"), help="JSON file for the results (%(default)s)"
    )
    return parser.parse_args(argv)


def main(argv=None) -> None:
    args = parse_args(argv)
    launch.switch_off()
    devices_and_seeds.prepare(seed=0, threads=1)
    rows, size = [], {"filters": TrainingOptions.filters, "dense": TrainingOptions.dense}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(args.rounds):
            for project in PROJECTS:
                for export in ("all", "keras"):
                    job = make_job(folder / f"{project}{number}{export}", project, patch_count=args.patches, **size)
                    rows.append({"round": number, "project": project, "export": export} | timed(job, export))
                    print("{round}  {project:12}{export:6} {wall:6.1f} s wall {cpu:6.1f} s CPU".format(**rows[-1]))
    write_json(args.output, {"patches": args.patches, "rows": rows})
    every = [row["wall"] for row in rows if row["export"] == "all"]
    cold, warm = every[: len(PROJECTS)], every[len(PROJECTS) :]
    print(
        f"all formats with parity on {args.patches} patches: {statistics.mean(cold):.1f} s in the first round"
        + (f", then {statistics.median(warm):.1f} s" if warm else "")
    )


def timed(job: Job, export: str) -> dict[str, float]:
    """Exports once; returns the wall and CPU seconds, including those of the compilers."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    deliver(job, export)
    return {"wall": time.perf_counter() - wall, "cpu": cpu_seconds() - cpu}


def cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    sys.exit(run_main(main))
