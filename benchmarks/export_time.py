"""Measures how long a run takes at its end to export every format for the robot, with parity and latency.

It uses the default networks of both projects, with weights like those of a trained network, and patches of noise and
gradients, because the time does not depend on what the patches show. The first round includes the imports and the
start-up of the converter. The values of `--export` alternate within a round.

    .venv/bin/python benchmarks/export_time.py --validation 20000

prints wall and CPU seconds per project and `--export`, and writes export_time.json. Takes two minutes on two cores.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from classifier_cnn import exporting as exporting_classifier
from classifier_cnn import model as classifier
from common.cli import launch
from common.datasets.patch_file import Patches
from common.training import devices_and_seeds
from common.training.predictor import make_predictor
from detector_cnn_ball_radius_center import exporting as exporting_detector
from detector_cnn_ball_radius_center import model as detector
from robot_export.describe_model import describe_model
from robot_export.export_job import Evidence, Job
from robot_export.make_and_check import deliver


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--validation", type=int, default=20_000, help="patches on which every format is run (%(default)s)"
    )
    parser.add_argument("--training", type=int, default=60_000, help="patches for the calibration (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("export_time.json"), help="(%(default)s)")
    return parser.parse_args(argv)


def main(argv=None) -> None:
    args = parse_args(argv)
    launch.switch_off()
    devices_and_seeds.prepare(seed=0, threads=1)
    cases = {name: case(name, args) for name in ("classifier_cnn", "detector_cnn_ball_radius_center")}
    rows = []
    for number in range(args.rounds):
        for project, job in cases.items():
            for export in ("all", "keras"):
                rows.append({"round": number, "project": project, "export": export} | timed(export, job))
                print("{round}  {project:34}{export:6} {wall:6.1f} s wall {cpu:6.1f} s CPU".format(**rows[-1]))
    result = {"arguments": {key: str(value) for key, value in vars(args).items()}, "rows": rows}
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    cold = sum(row["wall"] for row in rows if row["round"] == 0 and row["export"] == "all") / len(cases)
    warm = np.median([row["wall"] for row in rows if row["round"] and row["export"] == "all"])
    print(f"all formats with parity on {args.validation} patches: {cold:.1f} s in the first round, then {warm:.1f} s")


def case(project: str, args: argparse.Namespace):
    """The model of a project and the arguments of its export."""
    rng = np.random.default_rng(0)
    model, module, subject = network(project, rng)
    X = rng.integers(0, 256, (args.validation + args.training, 16, 16, 1), np.uint8)
    X[::2] = np.linspace(0, 255, 16).astype(np.uint8)[:, None] // rng.integers(1, 5, (len(X[::2]), 1, 1, 1), np.uint8)
    validation, training = X[: args.validation], X[args.validation :]
    outputs = make_predictor(model)(validation)
    y = outputs + rng.normal(0, 0.02, outputs.shape)
    more = {"project": project, "target": module.TARGET}
    if outputs.shape[1] == 1:
        middle = float(np.median(outputs))
        y, more["threshold"] = (y[:, 0] > middle), {"keras": middle}
    parts = {"train": Patches(training, training), "validation": Patches(validation, y.astype(np.float32))}
    manifest = describe_model(model, parts, normalised=False, **more)
    evidence = Evidence(training, parts["validation"], outputs)
    return {"model": model, "manifest": manifest, "evidence": evidence, "project": subject, "results": {}}


def network(project: str, rng):
    """The default network with weights that differ from its initial ones."""
    build, module, subject = {
        "classifier_cnn": (classifier.build_model, exporting_classifier, exporting_classifier.project(0.01)),
        "detector_cnn_ball_radius_center": (detector.build_model, exporting_detector, exporting_detector.project(16)),
    }[project]
    model = build((16, 16, 1), regularize=False, mean=[0.4])
    for layer in model.layers:
        if layer.name.startswith("norm"):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.weights])
    return model, module, subject


def timed(export: str, job: dict) -> dict[str, float]:
    """Wall and CPU seconds (compilers included) of one export."""
    with tempfile.TemporaryDirectory() as folder:
        job["model"].save(Path(folder) / "model.keras")
        wall, cpu = time.perf_counter(), cpu_seconds()
        deliver(Job(Path(folder), **job), export)
        return {"wall": time.perf_counter() - wall, "cpu": cpu_seconds() - cpu}


def cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    sys.exit(main())
