"""Measures the detector's recipe on held-out recordings: grouped five-fold cross-validation.

The training and validation files of a family are joined and divided again by recording. Five networks are trained with
the recipe of train.py, and each network predicts the circles of the balls in the fold that it was not trained on. The
metrics are computed from all of these predictions together. With --own-split, one network is trained on the training
file and evaluated on the validation file, which takes a fifth of the time. The options under "changes to the recipe"
reproduce the rows of the table in RECIPE.md.

    .venv/bin/python benchmarks/detector_cross_validation.py --data-root data --loss huber
    .venv/bin/python benchmarks/detector_cross_validation.py --data-root data --own-split --output default.json
    .venv/bin/python benchmarks/detector_cross_validation.py --data-root data --own-split \
        --no-turns --against default.json
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import cross_validation
import numpy as np
import tensorflow as tf
from sklearn.model_selection import GroupKFold
from zoom_and_shift import zoom_and_shift

from common.cli.program import run_main
from common.datasets.patch_file import Patches
from common.errors import UserError
from common.runs.bootstrap import bootstrap_interval
from common.runs.brightness_and_size import size_class
from common.training.augmentation_ops import draw
from common.training.batches import MemoryData
from common.training.trainer import Settings, Trainer
from detector_cnn_ball_radius_center import metrics
from detector_cnn_ball_radius_center.augmentation import LABEL_OFFSET, LIGHT, NOISE, make_augmentation
from detector_cnn_ball_radius_center.loss import make_loss
from detector_cnn_ball_radius_center.options import DEFAULT_STEM, LOSSES, Options
from detector_cnn_ball_radius_center.training import build

OPTIONS = ("dense", "epochs", "batch_size", "learning_rate", "loss", "augment", "regularize", "seed", "threads")
SETTINGS = ("weight_decay", "average")  # fields of common.training.trainer.Settings
RECIPE = ("flips", "turns", "offset", "light", "noise")  # arguments of make_augmentation


def parse_args(argv=None) -> argparse.Namespace:
    parser = cross_validation.parser(__doc__, Options, DEFAULT_STEM, "detector_cross_validation.json")
    parser.add_argument("--own-split", action="store_true", help="use the family's own split instead of folds")
    parser.add_argument("--against", type=Path, metavar="JSON", help="earlier results to compare with, ball by ball")
    parser.add_argument("--loss", choices=LOSSES, default=Options.loss, help="loss function (%(default)s)")
    parser.add_argument(
        "--learning-rate", type=float, default=Options.learning_rate, help="learning rate (%(default)s)"
    )
    parser.add_argument("--batch-size", type=int, default=Options.batch_size, help="patches per batch (%(default)s)")
    switch = argparse.BooleanOptionalAction
    parser.add_argument("--augment", action=switch, default=True, help="use augmentation (%(default)s)")
    parser.add_argument("--regularize", action=switch, default=Options.regularize, help="dropout (%(default)s)")
    group = parser.add_argument_group("changes to the recipe")
    group.add_argument("--weight-decay", type=float, help="weight decay of AdamW (default: the recipe's)")
    group.add_argument("--average", type=float, help="decay per step of the averaged weights (default: the recipe's)")
    group.add_argument(
        "--cosine", action=switch, default=True, help="reduce the learning rate after the warm-up (%(default)s)"
    )
    group.add_argument("--flips", action=switch, default=True, help="mirror in both directions (%(default)s)")
    group.add_argument("--turns", action=switch, default=True, help="transpose: quarter turns (%(default)s)")
    group.add_argument(
        "--offset", type=float, nargs=2, default=LABEL_OFFSET, metavar="F", help="label offset (%(default)s)"
    )
    group.add_argument("--light", type=float, default=LIGHT, help="strength of the lighting changes (%(default)s)")
    group.add_argument("--noise", type=float, default=NOISE, help="maximum noise, in grey levels (%(default)s)")
    group.add_argument("--shift", type=float, default=0.0, help="maximum shift in pixels, bilinear (%(default)s)")
    group.add_argument("--whole-pixels", action=switch, default=False, help="--shift without interpolation")
    group.add_argument("--there-and-back", action=switch, default=False, help="undo --shift, leaving only its blur")
    group.add_argument("--zoom", type=float, default=0.0, help="logarithm of the maximum zoom (%(default)s)")
    return parser.parse_args(argv)


def trainer_maker(args: argparse.Namespace):
    """Returns a function that creates a Trainer for training patches, like train.py but with the changes in `args`."""
    options = Options(tuple(args.filters), **{name: getattr(args, name) for name in OPTIONS})

    def make(train: Patches):
        model, chosen = build(options, SimpleNamespace(train=train))
        changed = {name: getattr(args, name) for name in SETTINGS if getattr(args, name) is not None}
        settings = dataclasses.replace(Settings.of(chosen, len(train)), **changed)
        augment = make_augmentation(args.seed, **{name: getattr(args, name) for name in RECIPE})
        augment = moved_first(args, augment) if args.augment else None
        trainer = Trainer(model, MemoryData(train.X, train.y), make_loss(args.loss), augment, settings, head="circle")
        if not args.cosine:
            trainer.optimizer.rate.alpha = 1.0  # final learning rate as a fraction of the full rate
        return trainer

    return make


def moved_first(args: argparse.Namespace, augment):
    """Returns the augmentation of the recipe, with additional shifts and zooms before it."""
    if not args.shift and not args.zoom:
        return augment

    def moved(x, y, seed):
        n = tf.shape(x)[0]
        shift_x, shift_y = (draw(seed, n, salt, -args.shift, args.shift) for salt in (20, 21))
        if args.whole_pixels:
            shift_x, shift_y = tf.round(shift_x), tf.round(shift_y)
        zoom = tf.exp(draw(seed, n, 22, -args.zoom, args.zoom))
        shifted, circles = zoom_and_shift(x, y, zoom, shift_x, shift_y)
        if args.there_and_back:
            shifted, circles = zoom_and_shift(shifted, y, 1 / zoom, -shift_x, -shift_y)[0], y
        return augment(shifted, circles, seed)

    return moved


def figures(y: np.ndarray, circles: np.ndarray, size: int) -> dict:
    """Computes the three main metrics: name -> (value for each ball, function that summarises the values)."""
    return {
        "median_center_error_px": (metrics.center_errors(y, circles) * size, np.median),
        "median_radius_error_px": (np.abs(circles - y)[:, 0] * size, np.median),
        "mean_iou": (metrics.circle_iou(y, circles), np.mean),
    }


def summary(patches: Patches, circles: np.ndarray) -> dict:
    """Computes all metrics, with 95 % intervals over recordings for the main metrics; also returns the predictions."""
    size, recording = patches.X.shape[2], patches.recording
    found = figures(patches.y, circles, size)
    intervals = {
        name: bootstrap_interval(statistic, values, groups=recording) for name, (values, statistic) in found.items()
    }
    by_class = {"camera": patches.camera, "side": size_class(patches.side)}
    groups = metrics.evaluate_groups(patches.y, circles, size, **by_class)
    numbers = {"metrics": metrics.evaluate(patches.y, circles, size), "intervals": intervals, "groups": groups}
    return numbers | {"circles": np.round(circles, 5).tolist()}


def differences(patches: Patches, circles: np.ndarray, before: np.ndarray) -> dict[str, dict]:
    """Compares the three main metrics with those of other predictions for the same balls, with 95 % intervals."""
    size, differ = patches.X.shape[2], {}
    old, new = (figures(patches.y, answers, size) for answers in (before, circles))
    for name, (values, statistic) in new.items():
        both = np.stack([values, old[name][0]], 1)

        def grown(drawn, statistic=statistic):
            return statistic(drawn[:, 0]) - statistic(drawn[:, 1])

        interval = bootstrap_interval(grown, both, groups=patches.recording)
        differ[name] = {"difference": float(grown(both)), "interval": interval}
    return differ


def earlier_answers(path: Path, digest: str, balls: int) -> np.ndarray:
    """Reads the circles [balls, 3] from an earlier measurement.

    Raises:
        UserError: the file was not written by this script, or contains predictions for other balls.
    """
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
        circles = np.array(earlier["circles"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"--against needs the JSON file of an earlier measurement. Received: {path}: {error}") from None
    if earlier["digest"] != digest or len(circles) != balls:
        raise UserError(f"--against needs predictions for the same balls. Received: other balls in {path}.")
    return circles


def main(argv=None) -> None:
    args = parse_args(argv)
    patches, file = cross_validation.load(args, "detection", ("train", "validation"))
    splitter, answered = GroupKFold(args.folds, shuffle=True, random_state=args.split_seed), slice(None)
    if args.own_split:
        halves = [tuple(np.flatnonzero(file == number) for number in (0, 1))]
        splitter, answered, args.folds = SimpleNamespace(split=lambda *_: halves), file == 1, 1
    balls = patches.take(answered)
    before = earlier_answers(args.against, patches.digest, len(balls)) if args.against else None
    circles, about = cross_validation.measure(args, patches, splitter, trainer_maker(args))
    result = about | summary(balls, circles[answered])
    for name, (low, high) in result["intervals"].items():
        print(f"{name} {result['metrics'][name]:.4f} [{low:.3f}, {high:.3f}]")
    if before is not None:
        result["differences"] = differences(balls, circles[answered], before)
        for name, entry in result["differences"].items():
            low, high = entry["interval"]
            print(f"{name} {entry['difference']:+.4f} [{low:+.3f}, {high:+.3f}] against {args.against}")
    cross_validation.write(args, result)


if __name__ == "__main__":
    sys.exit(run_main(main))
