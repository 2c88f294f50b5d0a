"""Measures the classifier's default recipe on recordings that it has not seen: grouped five-fold cross-validation.

All splits of a family are joined and divided anew by recording. Five networks are trained with the recipe of train.py
and each one scores the fifth that it did not see; the metrics are taken over all of these scores together. The weights
are the averaged ones after the last epoch, so nothing is chosen on the held-out patches.

    python benchmarks/classifier_cross_validation.py --data-root data --filters 4 4 8 8

takes about two and a half minutes on one core (7,000 patches, 300 epochs).
"""

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from classifier_cnn import metrics
from classifier_cnn.options import DEFAULT_STEM, Options
from common.cli import UserError, run_main
from common.patches import Patches, concatenate, read_patches

RECIPE = ("filters", "dense", "epochs", "batch_size", "learning_rate", "positive_weight", "regularize", "seed")
SPLITS = ("train", "validation", "test")


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default=DEFAULT_STEM, help="family: the stem of its files (%(default)s)")
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="the cached archive (%(default)s)")
    parser.add_argument(
        "--archive-url", help="where files come from that are not cached; without it nothing is fetched"
    )
    parser.add_argument("--filters", type=int, nargs="+", default=Options.filters, help="one or four (%(default)s)")
    parser.add_argument(
        "--dense", type=int, default=Options.dense, help="units of the hidden dense layer (%(default)s)"
    )
    parser.add_argument("--epochs", type=int, default=200, help="per fold (%(default)s)")
    parser.add_argument("--folds", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and augmentation (%(default)s)")
    parser.add_argument("--split-seed", type=int, default=0, help="which recordings share a fold (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads for TensorFlow (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("classifier_cross_validation.json"), help="(%(default)s)")
    return parser.parse_args(argv)


def load(args: argparse.Namespace) -> Patches:
    """All splits of the family as one; the patches must know their recordings."""
    folder = f"classification/{args.dataset.rsplit('_', 2)[0]}"
    names = [f"{folder}/{args.dataset}_{split}_ball_no_ball_X_y.h5" for split in SPLITS]
    if args.archive_url:
        from common.archive import fetch

        paths = [fetch(name, args.data_root, args.archive_url) for name in names]
    else:
        paths = [args.data_root / name for name in names]
    patches = concatenate([read_patches(path, "classification") for path in paths])
    if patches.recording is None:
        raise UserError(f"Folds are made by recording. Received: {args.dataset}, whose files name none.")
    return patches


def held_out_scores(patches: Patches, options: Options, folds: int, split_seed: int) -> np.ndarray:
    """Float32 [n]: each patch scored by the network that has not seen its recording."""
    from sklearn.model_selection import StratifiedGroupKFold
    from tqdm import tqdm

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=split_seed)
    scores = np.full(len(patches), np.nan, np.float32)
    with tqdm(total=folds * options.epochs, unit="epoch") as bar:
        for train, held_out in splitter.split(patches.X, patches.y, patches.recording):
            scores[held_out] = train_and_score(patches.take(train), patches.X[held_out], options, bar)
    return scores


def train_and_score(train: Patches, X: np.ndarray, options: Options, bar) -> np.ndarray:
    """Trains the default recipe on `train` and returns the scores of `X`, float32 [n]."""
    import keras

    from classifier_cnn.train import build, prepare
    from common.predicting import make_predictor

    keras.utils.set_random_seed(options.seed)
    splits = SimpleNamespace(train=train, validation=None)
    trainer, _ = prepare(build(options, splits)[0], options, splits)
    for epoch in range(options.epochs):
        loss = trainer.train_epoch(epoch)
        bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
        bar.update()
    return make_predictor(trainer.average)(X)[:, 0]


def summary(patches: Patches, scores: np.ndarray) -> dict:
    """The metrics with their 95 % intervals, for all patches and for each camera."""
    groups = {"all": np.ones(len(patches), bool)}
    groups |= {} if patches.camera is None else {name: patches.camera == name for name in np.unique(patches.camera)}
    kinds = {f"recall_at_fpr_{limit:g}": partial(metrics.recall_at_fpr, max_fpr=limit) for limit in metrics.FPR_LIMITS}
    kinds["auroc"] = metrics.auroc
    result = {}
    for name, members in groups.items():
        y, p, recording = patches.y[members], scores[members], patches.recording[members]
        result[name] = {"patches": len(y), "balls": int(y.sum())}
        for kind, metric in kinds.items():
            interval = metrics.bootstrap_interval(y, p, metric, groups=recording)
            result[name][kind] = {"value": metric(metrics.curve(y, p)), "interval": interval}
    return result


def readable(numbers: dict) -> str:
    """`recall_at_fpr_0.01 0.947 [0.92, 0.96], ...`."""
    return ", ".join(
        f"{kind} {entry['value']:.4f} [{entry['interval'][0]:.3f}, {entry['interval'][1]:.3f}]"
        for kind, entry in numbers.items()
        if isinstance(entry, dict)
    )


def main(argv=None) -> None:
    args = parse_args(argv)
    options = Options(tuple(args.filters), args.dense, epochs=args.epochs, seed=args.seed, threads=args.threads)
    patches = load(args)
    from common import devices, provenance, telemetry

    telemetry.switch_off()
    devices.prepare(options.seed, options.threads)
    start = time.perf_counter()
    scores = held_out_scores(patches, options, args.folds, args.split_seed)
    seconds = time.perf_counter() - start
    result = summary(patches, scores)
    about = {
        "dataset": args.dataset,
        "digest": patches.digest,
        "split_seed": args.split_seed,
        "recipe": {key: options.as_json()[key] for key in RECIPE},
        "device": provenance.device(),
        "seconds": round(seconds, 1),
    }
    text = json.dumps(about | result, indent=2)
    args.output.write_text(text + "\n")
    for name, numbers in result.items():
        print(f"{name}: {readable(numbers)}")
    print(f"{args.folds} folds of {args.epochs} epochs in {seconds:.0f} s; more in {args.output}")


if __name__ == "__main__":
    sys.exit(run_main(main))
