"""Measures one round of mining: compares 200 patches chosen by mine.py's rules with 200 drawn at random.

For each seed, the recordings of a family are divided: a quarter is held out for testing, 300 patches from a few other
recordings are the start set, and all other patches are the unlabelled pool. A network trained on the start set ranks
the pool. The first 200 patches in this order, without near duplicates, get their known labels, and a new network is
trained on all 500 patches. All networks with the same seed begin with the same weights. Differences between rules are
paired by seed.

    .venv/bin/python benchmarks/mining_round.py --data-root data

trains 60 networks in four minutes on one free core.
"""

import argparse
import json
import sys
import time
from types import SimpleNamespace

import cross_validation
import keras
import numpy as np
import tensorflow as tf
from classifier_cross_validation import auroc, recall_at_fpr

from classifier_cnn.options import DEFAULT_STEM, Options
from classifier_cnn.training import build, prepare
from common import provenance
from common.cli.program import run_main
from common.cli.progress import progress_bar
from common.datasets.patch_file import Patches, concatenate
from common.training import devices_and_seeds
from common.training.predictor import make_predictor
from dataset_tools.mining import ranking

RULES = ("random", "nearest", "views", "models")
START, CHOSEN, HELD_OUT = 300, 200, 0.25
LIMITS = (0.01, 0.001)


def parse_args(argv=None) -> argparse.Namespace:
    parser = cross_validation.parser(__doc__, Options, DEFAULT_STEM, "mining_round.json")
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds (%(default)s)")
    parser.set_defaults(epochs=200)
    return parser.parse_args(argv)


def divide(patches: Patches, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the indices of the start set, the pool and the test set.

    Each recording is in only one of these sets, except that the surplus patches of the start recordings go into the
    pool.
    """
    names = rng.permutation(np.unique(patches.recording))
    test = np.flatnonzero(np.isin(patches.recording, names[: round(HELD_OUT * len(names))]))
    start = np.empty(0, int)
    for name in names[round(HELD_OUT * len(names)) :]:
        if len(start) >= START and 0 < patches.y[start].sum() < len(start):
            break
        start = np.append(start, np.flatnonzero(patches.recording == name))
    start = np.sort(rng.permutation(start)[:START])
    return start, np.setdiff1d(np.arange(len(patches)), np.concatenate([start, test])), test


def train(args: argparse.Namespace, patches: Patches, seed: int):
    """Trains a network; returns a predictor: X -> float32 [n, 1]."""
    options = Options(tuple(args.filters), args.dense, epochs=args.epochs, seed=seed, threads=args.threads)
    keras.utils.set_random_seed(seed)
    splits = SimpleNamespace(train=patches, validation=None)
    trainer = prepare(*build(options, splits), splits)[0]
    for epoch in range(args.epochs):
        trainer.train_epoch(epoch)
    return make_predictor(trainer.average)


def choose(models, patches: Patches, start: np.ndarray, pool: np.ndarray, rule: str, rng) -> np.ndarray:
    """Selects the patches of the pool that a rule chooses for labelling.

    All rules except `models` use only the first model.
    """
    if rule == "random":
        return rng.permutation(pool)[:CHOSEN]
    X = patches.X[pool]
    if rule == "nearest":
        interest = ranking.nearest_to_half(models[0](X))
    elif rule == "models":
        interest = ranking.disagreement(np.concatenate([predict(X) for predict in models], axis=1))
    else:
        interest = ranking.disagreement(np.concatenate([models[0](view) for view in ranking.views(X)], axis=1))
    known, found = ranking.Known(), []
    for patch in patches.X[start]:
        known.like(patch)
    for index in np.argsort(-interest, kind="stable"):
        if len(found) < CHOSEN and not known.like(X[index]):
            found.append(pool[index])
    return np.array(found)


def one_seed(args: argparse.Namespace, patches: Patches, seed: int) -> dict[str, dict[str, float]]:
    """Returns the metrics on the held-out recordings for each rule.

    The entry `start` is for the network that ranked the pool.
    """
    rng = np.random.default_rng(seed)
    start, pool, test = divide(patches, rng)
    models = [train(args, patches.take(start), of_weights) for of_weights in (seed, args.seeds + seed)]
    result = {"start": models[0]}
    for rule in RULES:
        chosen = choose(models, patches, start, pool, rule, rng)
        result[rule] = train(args, concatenate([patches.take(start), patches.take(np.sort(chosen))]), seed)
    y, X = patches.y[test], patches.X[test]
    numbers = {}
    for rule, predict in result.items():
        scores = predict(X)[:, 0]
        numbers[rule] = {f"recall_at_{limit:g}": recall_at_fpr(y, scores, limit) for limit in LIMITS}
        numbers[rule]["auroc"] = auroc(y, scores)
    return numbers


def summary(found: list[dict]) -> dict:
    """Computes the mean metrics of each rule, and their paired differences from those of the rule `random`.

    The 95 % intervals come from a bootstrap over seeds.
    """
    result, rng = {}, np.random.default_rng(0)
    for rule in found[0]:
        result[rule] = {}
        for kind in found[0][rule]:
            values = np.array([numbers[rule][kind] for numbers in found])
            gain = values - np.array([numbers["random"][kind] for numbers in found])
            draws = gain[rng.integers(len(gain), size=(10_000, len(gain)))].mean(axis=1)
            interval = np.percentile(draws, (2.5, 97.5)).tolist()
            result[rule][kind] = {"mean": values.mean(), "gain": gain.mean(), "interval": interval}
            result[rule][kind]["better"] = f"{int((gain > 0).sum())} of {len(gain)}"
    return result


def main(argv=None) -> None:
    args = parse_args(argv)
    patches, _ = cross_validation.load(args, "classification", ("train", "validation", "test"))
    devices_and_seeds.prepare(args.seed, args.threads)
    tf.get_logger().setLevel("ERROR")
    begin, found = time.perf_counter(), []
    for seed in progress_bar(range(args.seeds), desc="rounds", unit="seed"):
        found.append(one_seed(args, patches, seed))
        print(seed, {rule: {k: round(v, 3) for k, v in numbers.items()} for rule, numbers in found[-1].items()})
    result = summary(found)
    for rule, kinds in result.items():
        for kind, entry in kinds.items():
            low, high = entry["interval"]
            shown = f"{rule:8} {kind:16} {entry['mean']:.3f}"
            print(shown, f"against random {entry['gain']:+.3f} [{low:+.3f}, {high:+.3f}], better {entry['better']}")
    seconds = round(time.perf_counter() - begin, 1)
    about = {"digest": patches.digest, "device": provenance.device(), "seconds": seconds, "seeds": found}
    args.output.write_text(json.dumps(about | {"summary": result}, indent=2) + "\n", encoding="utf-8")
    print(f"{args.seeds} seeds in {seconds:.0f} s; details are in {args.output}")


if __name__ == "__main__":
    sys.exit(run_main(main))
