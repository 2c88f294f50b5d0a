"""Measures the detector's default recipe on recordings that it has not seen: grouped five-fold cross-validation.

The training and validation files of a family are joined and divided anew by recording. Five networks are trained with
the recipe of train.py and each one answers for the fifth that it did not see; the metrics are taken over all of these
answers together. The weights are the averaged ones after the last epoch, so nothing is chosen on the held-out patches.

    python benchmarks/detector_cross_validation.py --data-root data --loss huber
"""

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from common.cli import UserError, run_main
from common.families import parse_stem
from common.patches import Patches, concatenate, read_patches
from detector_cnn_ball_radius_center import metrics
from detector_cnn_ball_radius_center.options import DEFAULT_STEM, LOSSES, Options

RECIPE = ("filters", "dense", "epochs", "batch_size", "learning_rate", "loss", "augment", "regularize", "seed")


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default=DEFAULT_STEM, help="family: the stem of its files (%(default)s)")
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="the cached archive (%(default)s)")
    parser.add_argument("--filters", type=int, nargs="+", default=Options.filters, help="one or four (%(default)s)")
    parser.add_argument("--dense", type=int, default=Options.dense, help="units of the dense layer (%(default)s)")
    parser.add_argument("--loss", choices=LOSSES, default=Options.loss, help="(%(default)s)")
    parser.add_argument("--learning-rate", type=float, default=Options.learning_rate, help="(%(default)s)")
    parser.add_argument("--augment", action=argparse.BooleanOptionalAction, default=True, help="(%(default)s)")
    parser.add_argument("--regularize", action=argparse.BooleanOptionalAction, default=Options.regularize)
    parser.add_argument("--epochs", type=int, help="per fold; default: as train.py chooses")
    parser.add_argument("--folds", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and augmentation (%(default)s)")
    parser.add_argument("--split-seed", type=int, default=0, help="which recordings share a fold (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads for TensorFlow (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("detector_cross_validation.json"), help="(%(default)s)")
    return parser.parse_args(argv)


def load(args: argparse.Namespace) -> Patches:
    """Training and validation patches as one; they must know their recordings."""
    family = parse_stem(args.dataset, "detection")
    paths = [args.data_root / family.file(split) for split in ("train", "validation")]
    patches = concatenate([read_patches(path, "detection") for path in paths])
    if patches.recording is None:
        raise UserError(f"Folds are made by recording. Received: {args.dataset}, whose files name none.")
    return patches


def held_out_circles(patches: Patches, options: Options, folds: int, split_seed: int) -> np.ndarray:
    """Float32 [n, 3]: each patch answered by the network that has not seen its recording."""
    from sklearn.model_selection import GroupKFold
    from tqdm import tqdm

    splitter = GroupKFold(folds, shuffle=True, random_state=split_seed)
    circles = np.full((len(patches), 3), np.nan, np.float32)
    for train, held_out in tqdm(splitter.split(patches.X, groups=patches.recording), total=folds, unit="fold"):
        circles[held_out] = train_and_answer(patches.take(train), patches.X[held_out], options)
    return circles


def train_and_answer(train: Patches, X: np.ndarray, options: Options) -> np.ndarray:
    """Trains the recipe on `train` and returns the circles of `X`, float32 [n, 3]."""
    import keras

    from common.predicting import make_predictor
    from detector_cnn_ball_radius_center.train import build, prepare

    keras.utils.set_random_seed(options.seed)
    splits = SimpleNamespace(train=train, validation=None)
    model, options = build(options, splits)
    trainer, _ = prepare(model, options, splits)
    for epoch in range(options.epochs):
        trainer.train_epoch(epoch)
    return make_predictor(trainer.average)(X)


def summary(patches: Patches, circles: np.ndarray) -> dict:
    """All numbers, and the three that count with 95 % intervals over the recordings."""
    size, recording = patches.X.shape[2], patches.recording
    values = {
        "median_center_error_px": (metrics.center_errors(patches.y, circles) * size, np.median),
        "median_radius_error_px": (np.abs(circles - patches.y)[:, 0] * size, np.median),
        "mean_iou": (metrics.circle_iou(patches.y, circles), np.mean),
    }
    intervals = {name: metrics.bootstrap_interval(*value, recording) for name, value in values.items()}
    groups = metrics.evaluate_groups(patches.y, circles, size, camera=patches.camera)
    return {"metrics": metrics.evaluate(patches.y, circles, size), "intervals": intervals, "groups": groups}


def main(argv=None) -> None:
    args = parse_args(argv)
    chosen = {name: getattr(args, name) for name in RECIPE if hasattr(args, name)} | {"threads": args.threads}
    options = Options(**chosen | {"filters": tuple(args.filters)})
    patches = load(args)
    from common import devices, provenance, telemetry

    telemetry.switch_off()
    devices.prepare(options.seed, options.threads)
    start = time.perf_counter()
    circles = held_out_circles(patches, options, args.folds, args.split_seed)
    seconds = time.perf_counter() - start
    result = summary(patches, circles)
    recipe = {key: dataclasses.asdict(options)[key] for key in RECIPE}
    about = {"dataset": args.dataset, "digest": patches.digest, "recipe": recipe, "folds": args.folds}
    about |= {"split_seed": args.split_seed, "device": provenance.device(), "seconds": round(seconds, 1)}
    args.output.write_text(json.dumps(about | result, indent=2) + "\n")
    for name, (low, high) in result["intervals"].items():
        print(f"{name} {result['metrics'][name]:.4f} [{low:.3f}, {high:.3f}]")
    print(f"{args.folds} folds in {seconds:.0f} s; more in {args.output}")


if __name__ == "__main__":
    sys.exit(run_main(main))
