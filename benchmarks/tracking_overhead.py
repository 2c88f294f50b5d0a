"""Measures the cost of tracking: .venv/bin/python -m benchmarks.tracking_overhead (10 minutes on two idle cores).

1. The benchmark logs 20 metrics in each of 2,000 epochs, and measures how many seconds this takes in the training
   process (`run.metrics`).
2. A small CNN is trained while the tracking server behind a proxy has one fault after another. Within one run, blocks
   of epochs with the mirror running alternate with blocks in which it is stopped (SIGSTOP), so that other work on the
   machine affects both. `wall` compares the wall-clock time of the blocks, which is noisy on a busy machine. The next
   two columns are less noisy than `wall`: `training` compares the CPU time of the training process, and `mirror` is the
   mirror's CPU time (without its start) divided by that of the training process. If all cores are busy, the slowdown is
   `training` plus `mirror`; if a core is free, it is only `training`. `start` is the time that is lost while the mirror
   starts, once per run.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from common import tracking
from tests.common.tracking.fault_proxy import Fault, FaultProxy
from tests.common.tracking.mlflow_server import MlflowServer

FAULTS = {
    "none": Fault(),
    "refused": None,
    "time-out": Fault("silent"),
    "answers after a minute": Fault("late", 60),
    "500": Fault("status", 500),
    "401": Fault("status", 401),
    "413 on files": Fault("status", 413, only="mlflow-artifacts"),
    "hangs up during uploads": Fault("cut", only="mlflow-artifacts"),
}


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="length of each run (default: %(default)s)")
    parser.add_argument("--block", type=int, default=10, help="epochs per block (default: %(default)s)")
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--epochs", type=int, default=2000, help="epochs of the first part (default: %(default)s)")
    parser.add_argument("--train", nargs=2, metavar=("URL", "FOLDER"), help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main() -> None:
    options = parse_args()
    if options.train:
        url, folder = options.train
        print(json.dumps(train(url, Path(folder), options.seconds, options.block)))
        return
    with tempfile.TemporaryDirectory() as folder:
        server = MlflowServer(Path(folder) / "server")
        try:
            count_metrics(server.url, Path(folder) / "metrics", options.epochs)
            heads = (
                f"{'epoch':>8} {'wall, 90 % interval':>26} {'training, 90 % interval':>26} {'mirror':>7} {'start':>7}"
            )
            print(f"\n{'fault':24} {heads}")
            for name in options.faults:
                report(name, server, Path(folder), options)
        finally:
            server.kill()


def count_metrics(url: str, folder: Path, epochs: int) -> None:
    """Runs the first part of the benchmark while a mirror sends the metrics to a healthy server."""
    run = tracking.start(folder, tracking.Server(url, "", url), tracking.RunInfo("benchmark", "metrics"))
    metrics = {f"metric_{i}": i / 7 for i in range(20)}
    times = []
    for epoch in range(epochs):
        began = time.perf_counter()
        run.metrics(metrics, step=epoch)
        times.append(time.perf_counter() - began)
        time.sleep(0.002)  # the mirror works at the same time, as in a real run
    print(run.finish("FINISHED"))
    total = sum(times)
    print(
        f"{epochs} epochs x 20 metrics: {total:.2f} s in the training, median {statistics.median(times) * 1e3:.2f} ms, "
        f"worst {max(times) * 1e3:.1f} ms; under 1 % if an epoch takes more than {total / epochs * 100 * 1e3:.0f} ms"
    )


def report(name: str, server: MlflowServer, folder: Path, options: argparse.Namespace) -> None:
    """Trains in a separate process, and prints one line of the table."""
    with FaultProxy(server.port) as proxy:
        if FAULTS[name] is None:
            proxy.refuse()
        else:
            proxy.fault = FAULTS[name]
        command = [sys.executable, "-m", "benchmarks.tracking_overhead", "--seconds", str(options.seconds)]
        command += ["--block", str(options.block), "--train", proxy.url, str(folder / name)]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run(command, capture_output=True, env=environment, text=True, check=True)
        proxy.restore() if FAULTS[name] is None else None
    answer = json.loads(done.stdout.splitlines()[-1])
    wall, training = (f"{m:+7.2%} {low:+7.2%} ..{high:+7.2%}" for m, low, high in (answer["wall"], answer["training"]))
    print(
        f"{name:24} {answer['epoch_s'] * 1e3:5.0f} ms {wall:>26} {training:>26} {answer['cpu']:7.2%} "
        f"{answer['start_s']:5.2f} s",
        flush=True,
    )


def train(url: str, folder: Path, seconds: float, block: int) -> dict:
    """Trains for `seconds`.

    Returns the median time of an epoch, the slowdown with its interval, and the time that is lost while the mirror
    starts.
    """
    draw = np.random.default_rng(0)
    X, y = draw.random((1500, 16, 16, 1), np.float32), draw.integers(0, 2, 1500).astype(np.float32)
    layers = [keras.Input((16, 16, 1))]
    for filters in (8, 8, 16):
        layers += [keras.layers.Conv2D(filters, 3, activation="relu"), keras.layers.BatchNormalization()]
    model = keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    model.fit(X, y, batch_size=128, epochs=2, verbose=0)
    run = tracking.start(folder, tracking.Server(url, "", url), tracking.RunInfo("benchmark", folder.name))
    (folder / "large.bin").write_bytes(os.urandom(1_000_000))
    run.artifact("large.bin")
    clock = _Clock(run, seconds, block)
    with contextlib.suppress(_Done):
        model.fit(X, y, batch_size=128, epochs=100_000, verbose=0, callbacks=[clock.callback()])
    run.mirror.process.send_signal(signal.SIGCONT)
    run.finish("FINISHED", wait_s=0)
    return clock.result()


def _cpu_seconds(run) -> float:
    """Returns the CPU time that the mirror process has used so far."""
    fields = Path(f"/proc/{run.mirror.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Clock:
    """Logs every epoch, switches the mirror on and off, and records the times with and without it."""

    START_SECONDS = 12.0
    SETTLED_SECONDS = 5.0

    def __init__(self, run, seconds: float, block: int):
        self.run, self.seconds, self.block = run, seconds, block
        self.blocks: list[tuple[float, float]] = []  # (wall, CPU) seconds, alternately with and without the mirror
        self.starting: list[float] = []
        self.began, self.started = time.perf_counter(), False
        self.last = self.began, time.process_time()
        self.watched = [(self.began, 0.0)]  # the mirror's CPU time while it starts
        self.on, self.epoch, self.spent = True, 0, (0.0, 0.0)

    def callback(self):
        return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self.end_of_epoch(epoch))

    def end_of_epoch(self, epoch: int) -> None:
        self.run.metrics({f"metric_{i}": i / (epoch + 1) for i in range(20)}, step=epoch)
        now = time.perf_counter(), time.process_time()
        took = now[0] - self.last[0], now[1] - self.last[1]
        if not self.started:
            self.starting.append(took[0])
            self.started = self._has_settled(now[0])
            self.cpu, self.began = (-_cpu_seconds(self.run), -time.process_time()), now[0]
        else:
            self.spent = self.spent[0] + took[0], self.spent[1] + took[1]
            self.epoch += 1
            if self.epoch % self.block == 0:
                self.blocks.append(self.spent)
                self.on, self.spent = not self.on, (0.0, 0.0)
                self.run.mirror.process.send_signal(signal.SIGCONT if self.on else signal.SIGSTOP)
        self.last = time.perf_counter(), time.process_time()
        if self.started and now[0] - self.began > self.seconds:
            self.cpu = self.cpu[0] + _cpu_seconds(self.run), self.cpu[1] + time.process_time()
            raise _Done

    def _has_settled(self, now: float) -> bool:
        """Returns whether the mirror has imported MLflow.

        The import takes seconds of CPU time; afterwards, the mirror needs hardly any CPU time.
        """
        self.watched.append((now, _cpu_seconds(self.run)))
        before = [cpu for moment, cpu in self.watched if now - moment > self.SETTLED_SECONDS]
        if now - self.watched[0][0] < self.START_SECONDS or not before:
            return False
        return self.watched[-1][1] - before[-1] < 0.05 and self.watched[-1][1] > 1

    def result(self) -> dict:
        """For each block during which the mirror runs, compares its wall and CPU time with those of the next block."""
        wall, cpu = ([block[kind] for block in self.blocks] for kind in (0, 1))
        epoch_s = statistics.median(wall[1::2]) / self.block
        return {
            "epoch_s": epoch_s,
            "wall": _slowdown(wall),
            "training": _slowdown(cpu),
            "cpu": self.cpu[0] / self.cpu[1],
            "start_s": sum(self.starting) - epoch_s * len(self.starting),
        }


def _slowdown(blocks: list[float]) -> tuple[float, float, float]:
    """Divides the total time with the mirror by the total time without it.

    Returns the ratio minus one, and a 90 % bootstrap interval over pairs of blocks. Totals are used because the mirror
    works in bursts, which medians would ignore.
    """
    pairs = list(zip(blocks[::2], blocks[1::2], strict=False))

    def ratio(drawn: list[tuple[float, float]]) -> float:
        return sum(on for on, _ in drawn) / sum(off for _, off in drawn) - 1

    draw = random.Random(0)
    ratios = sorted(ratio(draw.choices(pairs, k=len(pairs))) for _ in range(2000))
    return ratio(pairs), ratios[100], ratios[1899]


class _Done(Exception):
    """Raised to end the training when the time is up."""


if __name__ == "__main__":
    main()
