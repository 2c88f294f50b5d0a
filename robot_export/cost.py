"""Counts what a network costs on the robot, and measures the time of its formats on this CPU."""

import math
import time
from collections.abc import Callable

import keras
import numpy as np

BYTES = 4  # of a float32 activation
BLOCK_SECONDS = 0.0002  # short, so that most blocks end before another process gets the core


def count_cost(model) -> dict[str, int]:
    """The costs that depend only on the network, by their names in model.json and in the metrics.

    Args:
        model: a built keras.Model without branches, trained or not.
    """
    return {
        "multiply_accumulates": multiply_accumulates(model),
        "parameters": model.count_params(),
        "peak_activation_bytes": BYTES * peak_activations(model),
    }


def multiply_accumulates(model) -> int:
    """Multiply-accumulates per patch in convolutions (including those with the zero border) and dense layers."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            total += math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3])
        elif isinstance(layer, keras.layers.Dense):
            total += math.prod(layer.kernel.shape)
    return total


def peak_activations(model) -> int:
    """Values in memory at once: the largest input plus output of one layer; other layers work in place."""
    kinds = (keras.layers.Conv2D, keras.layers.Dense, keras.layers.MaxPooling2D)
    shapes = [(layer.input.shape, layer.output.shape) for layer in model.layers if isinstance(layer, kinds)]
    return max(math.prod(before[1:]) + math.prod(after[1:]) for before, after in shapes)


def measure_latency(calls: dict[str, Callable[[], object]], rounds: int = 200) -> dict[str, dict[str, float]]:
    """Microseconds per call from Python: median and 95th percentile over blocks of about 200 us.

    The blocks of all calls alternate, so that other work on the machine slows all of them down equally.

    Args:
        calls: the functions to time, by name; each runs one patch.
        rounds: blocks per call.
    """
    guesses = {name: min(_seconds(call, 10) for _ in range(5)) for name, call in calls.items()}
    sizes = {name: max(1, round(BLOCK_SECONDS / guess)) for name, guess in guesses.items()}
    blocks = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            _seconds(call, 3)  # warms up the cache, which other formats have used
            blocks[name].append(1e6 * _seconds(call, sizes[name]))
    return {
        name: {"median": float(np.median(times)), "p95": float(np.percentile(times, 95))}
        for name, times in blocks.items()
    }


def _seconds(call: Callable[[], object], times: int) -> float:
    """Mean duration of one call."""
    started = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - started) / times
