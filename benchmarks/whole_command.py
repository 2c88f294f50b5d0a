"""Measures what `train.py` costs in addition to its epochs: start, end, memory and imports.

To start the run under test, this file is run as a program: `python whole_command.py MODE MODULE ARGUMENT...`.
"""

import importlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from training_methods import noise, peak, reset_peak

from common.training import epochs_and_checkpoints as fitting
from common.training import trainer as training
from dataset_tools.building.patch_writer import write_patches

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("tensorflow", "mlflow", "keras", "matplotlib", "sklearn", "h5py")
WATCH = f"""import os, sys
def note(event, arguments):
    if event == "import" and arguments[0] in {HEAVY}:
        with open(os.environ["IMPORT_LOG"], "a") as file:
            file.write(f"{{os.getpid()}} {{arguments[0]}}\\n")
sys.addaudithook(note)
"""


def measure(project: str, rounds: int, patches: tuple[int, int]) -> dict:
    """Measures how long a run takes to start and to end, its memory, and which processes import large libraries."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_files(project, folder, patches)
        train = ["--data-train", files[0], "--data-val", files[1], "--tracking", "local", "--export", "keras"]
        train += ["--epochs", "1", "--filters", "4", "4", "8", "8", "--dense", "32", "--output-dir", folder / "runs"]
        module, rows = f"{project}.train", []
        (folder / "sitecustomize.py").write_text(WATCH)
        watched = {"IMPORT_LOG": str(folder / "imports"), "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
        for number in range(rounds + 1):
            spent = "import time, tensorflow, mlflow; print('imports', time.time(), time.process_time())"
            row, began = {}, time.time()
            row["imports"], row["imports, CPU"] = told(timed([sys.executable, "-c", spent])[1], "imports")
            row["imports"] -= began
            began = time.time()
            row["first step"], row["first step, CPU"] = told(timed(child("start", module, *train))[1], "first step")
            row["first step"] -= began
            out = timed(child("plain", module, *train))[1]
            row["end"], row["end, CPU"] = (b - a for a, b in zip(told(out, "trained"), told(out, "ended"), strict=True))
            if number:  # the first round fills the disk cache
                rows.append(row)
                print("  ".join(f"{name} {value:.2f} s" for name, value in row.items()), flush=True)
        timed(child("plain", module, *train), watched)
        (memory,) = told(timed(child("memory", module, *train))[1], "memory")
        imports = Counter((folder / "imports").read_text().splitlines())
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    data = 4 * 16 * 16 * sum(patches)
    processes = {}
    for line, count in imports.items():
        processes.setdefault(line.split()[0], {})[line.split()[1]] = count
    result = {"rows": rows, "medians": medians, "start_beyond_imports_s": medians["first step"] - medians["imports"]}
    return result | {"memory": memory, "memory_by_data": memory / data, "imports": list(processes.values())}


def stream(project: str, rounds: int, patches: tuple[int, int]) -> dict:
    """Measures memory and speed with and without --stream, for a training set and one that is four times as large."""
    rows = []
    for factor in (1, 4):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            files = write_files(project, folder, (factor * patches[0], factor * patches[1]))
            for streamed in ("--no-stream", "--stream"):
                runs = folder / f"runs{streamed}"
                train = ["--data-train", files[0], "--data-val", files[1], streamed, "--tracking", "local"]
                train += ["--epochs", "3", "--filters", "4", "4", "8", "8", "--dense", "32", "--output-dir", runs]
                (memory,) = told(timed(child("memory", f"{project}.train", *train))[1], "memory")
                names, *epochs = (line.split(",") for line in next(runs.glob("*/metrics.csv")).read_text().split())
                rates = [float(epoch[names.index("patches_per_second")]) for epoch in epochs]
                row = {"patches": factor * patches[0], "evaluated": factor * patches[1], "way": streamed}
                rows.append(row | {"memory": memory, "patches_per_second": statistics.median(rates[1:])})
                print(rows[-1], flush=True)
    return {"rows": rows}


def write_files(project: str, folder: Path, patches: tuple[int, int]) -> list[Path]:
    """Writes a training and a validation file of noise, with cameras and recordings."""
    files = []
    for split, n in zip(("train", "val"), patches, strict=True):
        X, y = noise(project, n, seed=n)
        columns = {"camera": [("top", "bottom")[i % 2] for i in range(n)]}
        columns["recording"] = [f"{split}{i // 500}" for i in range(n)]
        files.append(folder / f"{split}.h5")
        write_patches(files[-1], X, y if y.ndim == 2 else y.astype("uint8")[:, None], **columns)
    return files


def child(mode: str, module: str, *arguments) -> list[str]:
    """Returns the command line of a run under test."""
    return [sys.executable, __file__, mode, module, *map(str, arguments)]


def timed(command: list[str], environment: dict | None = None) -> tuple[float, str]:
    """Runs a program; returns its wall seconds and its output."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "BALL_"))}
    ours |= {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"} | (environment or {})
    started = time.perf_counter()
    done = subprocess.run(command, env=ours, capture_output=True, text=True)
    if done.returncode not in (0, 130):
        raise RuntimeError(done.stderr[-2000:])
    return time.perf_counter() - started, done.stdout


def told(output: str, what: str) -> list[float]:
    """Reads the wall and CPU time in seconds that a run under test printed after `what`."""
    line = next(line for line in output.splitlines() if line.startswith(what))
    return [float(word) for word in line.removeprefix(what).split()]


def main() -> None:
    """Starts one run.

    The mode `start` prints the time of the first step; `memory` prints the growth of memory after the imports.
    """
    mode, module, *arguments = sys.argv[1:]
    if mode == "memory":
        importlib.import_module(f"{module.rpartition('.')[0]}.training")  # imports everything that a run needs
        before = reset_peak()
    if mode == "start":
        training.Trainer.train_epoch = first_step
    if mode == "plain":
        fitting.fit = partial(fit, fitting.fit)
    try:
        importlib.import_module(module).main(arguments)
    except KeyboardInterrupt:
        sys.exit(130)
    if mode == "memory":
        print("memory", peak() - before)
    print("ended", time.time(), time.process_time())


def fit(original, *arguments):
    """Fits the network and prints the time afterwards; everything after this counts as the end of the run."""
    history = original(*arguments)
    print("trained", time.time(), time.process_time(), flush=True)
    return history


def first_step(trainer, *_):
    """Replaces the first epoch: prints the time after one step, and then ends the run as Ctrl-C does."""
    for X, y, order in trainer.data.blocks(np.random.default_rng(0)):
        trainer.run(X, y, order[None, : trainer.batch_size])
        print("first step", time.time(), time.process_time(), flush=True)
        raise KeyboardInterrupt


if __name__ == "__main__":
    main()
