"""One side of the comparison in train_throughput.py: trains or scores on request and says how long it took.

Reads one word per line from stdin (`train`, `score`, `memory`) and answers with one line of JSON. The textbook side is
what a tutorial teaches: from_tensor_slices, shuffle, a map per sample, batch, fit.
"""

import argparse
import importlib
import json
import resource
import sys
import time

import numpy as np

from common import devices, telemetry
from common.cli import run_main


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=("textbook", "ours"))
    parser.add_argument("--project", default="classifier_cnn", help="(%(default)s)")
    parser.add_argument("--patches", type=int, default=60_000, help="to train on (%(default)s)")
    parser.add_argument("--scored", type=int, default=20_000, help="to score (%(default)s)")
    parser.add_argument("--filters", type=int, nargs=4, default=(4, 4, 8, 8), help="(%(default)s)")
    parser.add_argument("--dense", type=int, default=32, help="(%(default)s)")
    parser.add_argument("--batch-size", type=int, default=128, help="(%(default)s)")
    parser.add_argument("--epochs", type=int, default=50, help="length of the learning rate schedule (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="0 leaves it to TensorFlow (%(default)s)")
    return parser.parse_args(argv)


def patches(args) -> tuple[np.ndarray, np.ndarray]:
    """Discs on noise, and for the classifier as many patches of noise alone: something that can be learnt."""
    rng = np.random.default_rng(1)
    n = args.patches
    circle = np.stack([rng.uniform(0.3, 0.5, n), *rng.uniform(0.35, 0.65, (2, n))], 1).astype(np.float32)
    pixel = (np.arange(16, dtype=np.float32) + 0.5) / 16
    squared = (pixel[None, None, :] - circle[:, 1, None, None]) ** 2
    squared = squared + (pixel[None, :, None] - circle[:, 2, None, None]) ** 2
    ball = rng.random(n) < (0.3 if args.project == "classifier_cnn" else 1)
    X = rng.integers(0, 160, (n, 16, 16), dtype=np.uint8)
    X[(squared < circle[:, :1, None] ** 2) & ball[:, None, None]] += 60
    return X[..., None], ball.astype(np.float32) if args.project == "classifier_cnn" else circle


def build(args, X, y):
    """The project's network, loss and augmentation, and the layer that the loss is taken of."""
    model = importlib.import_module(f"{args.project}.model")
    data = importlib.import_module(f"{args.project}.data")
    mean = X.mean((0, 1, 2)) / 255
    if args.project == "classifier_cnn":
        network = model.build_model(X.shape[1:], args.filters, args.dense, True, mean)
        return network, model.make_loss(), data.make_augmentation(args.seed), "logit"
    network = model.build_model(X.shape[1:], args.filters, args.dense, True, mean, y.mean(0))
    return network, model.make_loss("huber"), data.make_augmentation(args.seed), "circle"


def ours(args, X, y):
    """What train.py does in an epoch, and after it."""
    from common.predicting import make_predictor
    from common.training import MemoryData, Settings, Trainer

    network, loss, augment, head = build(args, X, y)
    settings = Settings(args.epochs, args.batch_size, seed=args.seed)
    trainer = Trainer(network, MemoryData(X, y), loss, augment, settings, head)
    predict = make_predictor(trainer.average)
    epochs = iter(range(args.epochs))
    return lambda: trainer.train_epoch(next(epochs)), lambda X: predict(X)


def textbook(args, X, y):
    """The same network, loss, optimiser and augmentation, the way of the tutorials."""
    import keras
    import tensorflow as tf

    from common.training import Settings, _optimizer

    network, loss, augment, head = build(args, X, y)
    logits = keras.Model(network.input, network.get_layer(head).output)

    def one(number, patch, target):
        seed = tf.stack([args.seed, tf.cast(number, tf.int32)])
        x, y = augment(tf.cast(patch[tf.newaxis], tf.float32), target[tf.newaxis], seed)
        return x[0], y[0]

    batches = (
        tf.data.Dataset.from_tensor_slices((np.arange(len(X)), X, y))
        .shuffle(len(X), seed=args.seed)
        .map(one, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(args.batch_size)
        .prefetch(tf.data.AUTOTUNE)
    )
    steps = args.epochs * -(-len(X) // args.batch_size)
    optimizer = _optimizer(logits, Settings(args.epochs, args.batch_size), steps)
    logits.compile(optimizer, lambda y, z: loss(tf.reshape(y, tf.shape(z)[:1]) if z.shape[1] == 1 else y, z))
    return (
        lambda: logits.fit(batches, epochs=1, verbose=0).history["loss"][0],
        lambda X: network.predict(X, batch_size=args.batch_size, verbose=0),
    )


def main(argv=None) -> None:
    args = parse_args(argv)
    telemetry.switch_off()
    devices.prepare(args.seed, args.threads)
    imported = _memory_mb()
    X, y = patches(args)
    train, score = {"ours": ours, "textbook": textbook}[args.way](args, X, y)
    scored = X[: args.scored]
    print(json.dumps({"ready": True}), flush=True)
    for word in sys.stdin:
        started, processor = time.perf_counter(), time.process_time()
        result = {"train": lambda: {"loss": float(train())}, "score": lambda: {"n": len(score(scored))}}.get(
            word.strip(), lambda: {"growth_mb": _memory_mb() - imported}
        )()
        result |= {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - processor}
        print(json.dumps(result), flush=True)


def _memory_mb() -> float:
    """Peak of the resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(run_main(main))
