"""Convolutions of a training, TensorFlow's own and as matrix products
(common/training/fast_convolution.py), on one thread of a CPU.

python benchmarks/convolutions.py                    microseconds forwards and back; half a minute

Both take turns; the best of several rounds. A first layer needs no gradient of its input, the others do.
"""

import argparse
import sys
import time

import numpy as np

ROUNDS, CALLS = 7, 100
FIRST = [(16, 1, 2), (16, 1, 4), (16, 1, 6), (16, 1, 8), (16, 1, 16), (16, 2, 2), (16, 2, 4), (32, 1, 2), (32, 1, 4)]
LATER = [(8, 2, 2), (8, 4, 4), (4, 4, 8)]
LAST = [(2, 8, 8), (2, 16, 16), (2, 32, 32)]  # side in pixels, channels, filters


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=128, help="(%(default)s)")
    batch_size = parser.parse_args(argv).batch_size

    from common.training import devices

    devices.prepare(seed=0, threads=1)
    from common.training.fast_convolution import banded, whole

    print("pixels channels filters   TensorFlow   product   ratio")
    for title, layers, product in (("first", FIRST, banded), ("later", LATER, banded), ("last", LAST, whole)):
        for side, channels, filters in layers:
            shapes = (batch_size, side, side, channels), (*(2 * [3 if product is banded else 2]), channels, filters)
            library, ours = measure(product, *shapes, needs_input_gradient=title != "first")
            words = f"{side:6} {channels:8} {filters:7} {library:9.0f} us {ours:6.0f} us {library / ours:7.2f}"
            print(f"{words}  {title}, {product.__name__}", flush=True)
    return 0


def measure(product, shape: tuple, kernel_shape: tuple, needs_input_gradient: bool) -> list[float]:
    """Microseconds of a convolution with its gradients: TensorFlow's, and that of `product`."""
    import tensorflow as tf

    from common.training.fast_convolution import banded

    rng = np.random.default_rng(0)
    x, kernel = (tf.constant(rng.normal(size=size).astype(np.float32)) for size in (shape, kernel_shape))
    padding = "SAME" if product is banded else "VALID"

    def step(way, i, total):
        moved = x + 1e-3 * tf.cast(i, tf.float32)  # or it would be computed once for all
        with tf.GradientTape() as tape:
            wanted = [kernel, moved] if needs_input_gradient else [kernel]
            tape.watch(wanted)
            y = way(kernel, moved)
        gradients = tape.gradient(y, wanted, output_gradients=tf.ones_like(y))
        return i + 1, total + sum(tf.reshape(value, [-1])[0] for value in [y, *gradients])

    def loop(way):
        return tf.function(
            lambda: tf.while_loop(lambda i, _: i < CALLS, lambda i, total: step(way, i, total), (0, 0.0)),
            autograph=False,
        )

    loops = [loop(lambda kernel, x: tf.nn.conv2d(x, kernel, 1, padding)), loop(product)]
    for run in loops:
        run()  # traces
    spent = [[], []]
    for _ in range(ROUNDS):
        for run, seconds in zip(loops, spent, strict=True):
            started = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - started)
    return [min(seconds) / CALLS * 1e6 for seconds in spent]


if __name__ == "__main__":
    sys.exit(main())
