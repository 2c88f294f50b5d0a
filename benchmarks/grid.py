"""Compares the wall and CPU time of sixteen short runs in a shell loop with `&` and `wait`, and in a grid search.

.venv/bin/python benchmarks/grid.py --rounds 1

Both methods train the same networks with the same options on the synthetic dataset and track them locally. They run one
after the other on the same machine, which should be otherwise idle. The CPU time is measured for the benchmark's cgroup
or, if it has no cgroup of its own, for the whole machine (/proc/stat), because some processes of Ray and the MLflow
mirrors are not child processes. With --without-bytecode, Python compiles all imports, as after a fresh `uv pip install`
or in an image that sets PYTHONDONTWRITEBYTECODE; this takes twice as long.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from common.cli.program import run_main
from common.tracking import journal

ROOT = Path(__file__).resolve().parents[1]
FILTERS = ("4 4 4 4", "4 4 8 8", "8 8 8 8", "8 8 16 16")
DENSE = ("8", "16", "32", "64")
BYTECODE: dict[str, str] = {}  # environment variables for Python in both methods
LOOP = """
for filters in {filters}; do
  for dense in {dense}; do
    {python} -m classifier_cnn.train --filters $filters --dense $dense {options} >> {runs}.log 2>&1 &
  done
done
wait
"""


def main() -> int:
    """Times both methods in turn and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or " ").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1, help="number of rounds; the two methods alternate")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--filters", nargs="+", default=FILTERS, help="values to combine with every --dense")
    parser.add_argument("--dense", nargs="+", default=DENSE)
    parser.add_argument("--data-root", type=Path, default=ROOT / "data", help="folder for the synthetic dataset")
    parser.add_argument("--without-bytecode", action="store_true", help="let Python compile all imported modules")
    arguments = parser.parse_args()
    options = ["--dataset", "synthetic", "--tracking", "local", "--epochs", str(arguments.epochs), "--export", "none"]
    options += ["--data-root", str(arguments.data_root.absolute())]
    warm_up = [sys.executable, "-m", "classifier_cnn.train", "--dry-run", *options, "--output-dir"]
    arrays = {"filters": arguments.filters, "dense": arguments.dense}
    folder = Path(tempfile.mkdtemp(prefix="grid-"))
    if arguments.without_bytecode:  # an empty cache folder, so that existing bytecode is ignored
        BYTECODE.update(PYTHONDONTWRITEBYTECODE="1", PYTHONPYCACHEPREFIX=str(folder / "none"))
    try:
        subprocess.run([*warm_up, str(folder / "warm")], check=True, capture_output=True, env=environment())
        ways = {"shell loop": loop, "grid": grid}
        results = {name: [] for name in ways}
        for number in range(arguments.rounds):
            for name, way in ways.items():
                results[name].append(measure(way, arrays, options, folder / f"{number}-{name.replace(' ', '-')}"))
                print(f"{name}: {results[name][-1]}", flush=True)
        report(results, runs=len(arguments.filters) * len(arguments.dense))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def loop(arrays: dict[str, list[str]], options: list[str], runs: Path) -> None:
    """Runs the shell loop that people used before grid_search; it starts all runs at once and ignores exit statuses."""
    filters, dense = (" ".join(f"'{value}'" for value in values) for values in arrays.values())
    words = " ".join([*options, "--output-dir", str(runs)])
    script = LOOP.format(filters=filters, dense=dense, python=sys.executable, options=words, runs=runs)
    subprocess.run(["bash", "-c", script], check=True, cwd=ROOT, env=environment())


def grid(arrays: dict[str, list[str]], options: list[str], runs: Path) -> None:
    """Starts the same runs with `python3 grid_search`."""
    words = [word for name, values in arrays.items() for word in (f"--{name}", *values)]
    command = [sys.executable, "-m", "grid_search", "classifier_cnn.train", *words, "--", *options]
    with Path(f"{runs}.log").open("w") as log:
        subprocess.run(
            [*command, "--output-dir", str(runs)], check=True, cwd=ROOT, env=environment(), stdout=log, stderr=log
        )


def measure(way, arrays: dict[str, list[str]], options: list[str], runs: Path) -> dict[str, float]:
    """Measures wall and CPU seconds of one method and of its parts; checks that all runs finished."""
    cpu, started, clock = cpu_seconds(), time.perf_counter(), time.time()
    way(arrays, options, runs)
    result = {"wall": time.perf_counter() - started, "cpu": cpu_seconds() - cpu}
    folders = [path.parent for path in runs.glob("*/model.json")]
    if len(folders) != len(arrays["filters"]) * len(arrays["dense"]):
        raise RuntimeError(f"only {len(folders)} runs finished: {runs}.log")
    begun = [begin(folder) for folder in folders]
    spent = [journal.last_status(folder)[1] / 1000 - start for folder, start in zip(folders, begun, strict=True)]
    result |= {"first epoch possible after": min(begun) - clock, "one training, median": statistics.median(spent)}
    result["epochs, median"] = statistics.median(epoch_seconds(folder) for folder in folders)
    return {name: round(value, 1) for name, value in result.items()}


def begin(folder: Path) -> float:
    """Returns the time at which a run was opened, in seconds since 1970.

    By then, the run has read its data and built its network.
    """
    return journal.header(folder)["t"] / 1000


def epoch_seconds(folder: Path) -> float:
    """Returns how long all epochs of a run took together, in seconds."""
    names, *lines = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    return sum(float(line[names.index("epoch_seconds")]) for line in lines)


def cpu_seconds() -> float:
    """Returns the CPU seconds that our cgroup (version 1) has used.

    If the process has no cgroup of its own, returns the CPU seconds of the whole machine.
    """
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, kinds, path = line.split(":", 2)
        if "cpuacct" in kinds.split(",") and path != "/":
            return int(Path(f"/sys/fs/cgroup/cpuacct{path}/cpuacct.usage").read_text()) / 1e9
    user, nice, system = (int(value) for value in Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def environment() -> dict[str, str]:
    """Creates an environment without the user's servers and folders, in which this repository can be imported."""
    others = ("MLFLOW_", "BALL_", "RAY_", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return kept | {"PYTHONPATH": str(ROOT)} | BYTECODE


def report(results: dict[str, list[dict[str, float]]], runs: int) -> None:
    """Prints medians, ratios and one line of JSON."""
    medians = {
        name: {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        for name, rounds in results.items()
    }
    print(f"\n{datetime.now():%Y-%m-%d %H:%M}, {os.cpu_count()} cores, {runs} runs")
    print(f"{'seconds':30}" + "".join(f"{name:>14}" for name in medians) + f"{'ratio':>10}")
    one, other = medians.values()
    for key in one:
        print(f"{key:30}{one[key]:14.1f}{other[key]:14.1f}{one[key] / max(other[key], 0.1):10.2f}")
    print(json.dumps(results))


if __name__ == "__main__":
    sys.exit(run_main(main))
