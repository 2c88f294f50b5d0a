"""Measures seconds per epoch on a GPU, with and without XLA: `.venv/bin/python benchmarks/train_throughput.py gpu`.

Every variant runs in its own process, so that a variant that fails or takes too long does not affect the others.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tensorflow as tf
import training_methods
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from common.training import devices_and_seeds
from common.training import trainer as training

LIMIT_S = 150  # time limit of one variant, including imports and compilation
GRAPHS = "--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUBLASLT,CUSTOM_CALL,CUDNN,CONDITIONAL,WHILE"
COMPILED = {"way": "compiled", "project": "classifier_cnn", "batch": 128, "profile": True}
VARIANTS = {  # the first two are the settings of `train.py`
    "compiled, batch 128": COMPILED,
    "compiled, batch 1024": COMPILED | {"batch": 1024},
    "compiled, detector, batch 128": COMPILED | {"project": training_methods.PROJECTS[1]},
    "compiled, detector, batch 1024": COMPILED | {"project": training_methods.PROJECTS[1], "batch": 1024},
    "without XLA, batch 128": COMPILED | {"jit": False},
    "without XLA, batch 1024": COMPILED | {"jit": False, "batch": 1024},
    "not deterministic, batch 128": COMPILED | {"deterministic": False},
    "no command buffers, batch 128": COMPILED | {"xla": "--xla_gpu_enable_command_buffer="},
    "loop in a command buffer, batch 128": COMPILED | {"xla": GRAPHS},
    "Keras's pooling, not deterministic, batch 128": COMPILED | {"pooling": "keras", "deterministic": False},
    "Keras's pooling, batch 128": COMPILED | {"pooling": "keras"},
    "textbook, batch 128": {"way": "textbook", "project": "classifier_cnn", "batch": 128},
    "textbook, batch 1024": {"way": "textbook", "project": "classifier_cnn", "batch": 1024},
    "compiled, CPU, one thread, batch 128": COMPILED | {"cpu": True, "profile": False},
}


def main(args: argparse.Namespace) -> dict:
    """Runs all variants, and prints one line for each."""
    rows = {}
    for name, variant in VARIANTS.items():
        if args.only in name:
            rows[name] = run(variant | {"patches": args.patches})
            told = rows[name].get("error") or "{epoch_s:.3f} s per epoch, {rate:,.0f} patches/s, first {first_s:.1f} s"
            print(f"{name:48}{told.format(**rows[name])}", flush=True)
            args.output.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")
    return {"rows": rows}


def run(variant: dict) -> dict:
    """Runs one variant in its own process; the result has the key `error` if it did not finish."""
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "2"}
    if variant.get("cpu"):
        environment["CUDA_VISIBLE_DEVICES"] = "-1"
    if "xla" in variant:
        environment["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {variant['xla']}"
    command = [sys.executable, __file__, json.dumps(variant)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_S)
        return variant | json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return variant | {"error": f"not finished after {LIMIT_S} s"}
    except (IndexError, ValueError):
        return variant | {"error": f"exit status {done.returncode}: " + done.stderr[-1500:]}


def child(variant: dict) -> None:
    """Times epochs of one variant and prints JSON."""
    if not variant.get("deterministic", True):
        tf.config.experimental.enable_op_determinism = lambda: None
    devices_and_seeds.prepare(
        seed=0, threads=0 if variant["way"] == "textbook" else 1, require_gpu=not variant.get("cpu")
    )
    if variant.get("pooling") == "keras":
        training.pool = lambda layer, x: layer(x)
    train, validation = (training_methods.noise(variant["project"], n, n) for n in (variant["patches"], 20_000))
    network = {"filters": (4, 4, 8, 8), "dense": 32, "batch_size": variant["batch"]}
    epoch, evaluation, trainer = getattr(training_methods, variant["way"])(
        variant["project"], train, validation, **network
    )
    if not variant.get("jit", True):
        trainer.run = tf.function(trainer._steps, reduce_retracing=True)
        trainer.steps_per_call = training.STEPS_PER_CALL
    seconds = [timed(epoch) for _ in range(2)]
    while len(seconds) < 4 or (len(seconds) < 12 and sum(seconds[1:]) < 20):
        seconds.append(timed(epoch))
    judged = [timed(evaluation) for _ in range(4)]
    middle = statistics.median(seconds[2:])
    result = {"epoch_s": middle, "rate": len(train[0]) / middle, "first_s": seconds[0], "epochs_s": seconds}
    result |= {"evaluation_rate": len(validation[0]) / statistics.median(judged[1:]), "loss": float(epoch())}
    result["devices"] = [tf.config.experimental.get_device_details(d) for d in tf.config.list_physical_devices("GPU")]
    if variant.get("profile"):
        result["profile"] = profile(epoch, steps=-(-len(train[0]) // variant["batch"]))
    print(json.dumps(result, default=str))


def timed(work) -> float:
    """Returns the wall seconds that `work` takes.

    `work` must end by copying its results to the host, so that the time includes the work of the device.
    """
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def profile(epoch, steps: int) -> dict:
    """Returns the time in us and the number of calls per step of every kernel.

    The kernels are sorted by time and grouped by the lines of TensorFlow's profile.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            tf.profiler.experimental.start(folder)
            epoch()
            tf.profiler.experimental.stop()
            space = xplane_pb2.XSpace()
            space.ParseFromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
        except Exception as error:  # no profiling library; the timings are still valid
            return {"error": str(error)[:300]}
    lines = {}
    for plane in space.planes:
        for line in plane.lines:
            totals = {}
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name.split(":")[-1][:80]
                spent, count = totals.get(name, (0, 0))
                totals[name] = spent + event.duration_ps / 1e6, count + 1
            longest = sorted(totals.items(), key=lambda item: -item[1][0])[:40]
            if len(line.events) >= steps:
                lines[f"{plane.name} {line.name}"] = {
                    "events_per_step": len(line.events) / steps,
                    "us_per_step": sum(spent for spent, _ in totals.values()) / steps,
                    "longest": {name: [round(s / steps, 2), round(n / steps, 2)] for name, (s, n) in longest},
                }
    return lines


if __name__ == "__main__":
    child(json.loads(sys.argv[1]))
