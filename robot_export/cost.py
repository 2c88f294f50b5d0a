"""Computes the operations and memory that a network needs, and measures the latency of its formats on this CPU."""

import math
import timeit
from collections.abc import Callable

import keras
import numpy as np

BYTES = 4  # the size of a float32 activation in bytes
BLOCK_SECONDS = 0.0002  # the blocks are short, so most of them end before another process gets the core


def count_cost(model) -> dict[str, int]:
    """Computes the costs in model.json that are the same on every CPU. model: a built keras.Model without branches.

    Multiply-accumulates with the zeros of the padding are counted, too. The peak memory is the largest sum of the
    sizes of a layer's input and output; layers that work in place are not counted.
    """
    macs, peak = 0, 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            macs += math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3])
        elif isinstance(layer, keras.layers.Dense):
            macs += math.prod(layer.kernel.shape)
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense | keras.layers.MaxPooling2D):
            peak = max(peak, math.prod(layer.input.shape[1:]) + math.prod(layer.output.shape[1:]))
    return {"multiply_accumulates": macs, "parameters": model.count_params(), "peak_activation_bytes": BYTES * peak}


def measure_latency(calls: dict[str, Callable[[], object]], rounds: int = 200) -> dict[str, dict[str, float]]:
    """Measures the time of a call from Python in us: median and 95th percentile over `rounds` blocks of about 200 us.

    calls: functions by name; each function runs a file on one patch. The blocks of the functions alternate, so that
    other work on the machine slows down all functions equally.
    """
    guesses = {name: min(timeit.repeat(call, number=10, repeat=5)) / 10 for name, call in calls.items()}
    sizes = {name: max(1, round(BLOCK_SECONDS / guess)) for name, guess in guesses.items()}
    blocks = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            timeit.timeit(call, number=3)  # refills the cache after another format has run
            blocks[name].append(1e6 * timeit.timeit(call, number=sizes[name]) / sizes[name])
    return {
        name: {"median": float(np.median(times)), "p95": float(np.percentile(times, 95))}
        for name, times in blocks.items()
    }
