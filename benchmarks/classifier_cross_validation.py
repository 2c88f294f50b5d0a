"""Measures the classifier's default recipe on held-out recordings: grouped five-fold cross-validation.

All splits of a family are joined and divided again by recording. Five networks are trained with the recipe of train.py,
and each network scores the fifth of the patches that it was not trained on. The metrics are computed from all of these
scores together. The averaged weights after the last epoch are used, so nothing is chosen with the help of the held-out
patches.

    .venv/bin/python benchmarks/classifier_cross_validation.py --data-root data --filters 4 4 8 8

takes about two and a half minutes on one core (7,000 patches, 300 epochs).
"""

import argparse
import sys
from functools import partial
from types import SimpleNamespace

import cross_validation
import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from classifier_cnn import metrics
from classifier_cnn.options import DEFAULT_STEM, Options
from classifier_cnn.training import build, prepare
from common.cli.program import run_main
from common.datasets.patch_file import Patches
from common.runs.bootstrap import bootstrap_interval
from common.runs.brightness_and_size import size_class


def parse_args(argv=None) -> argparse.Namespace:
    parser = cross_validation.parser(__doc__, Options, DEFAULT_STEM, "classifier_cross_validation.json")
    parser.set_defaults(epochs=200)  # the results in the README were measured with this value
    return parser.parse_args(argv)


def trainer_maker(args: argparse.Namespace):
    """Returns a function that creates a Trainer for the training patches, as train.py does."""
    options = Options(tuple(args.filters), args.dense, epochs=args.epochs, seed=args.seed, threads=args.threads)

    def make(train: Patches):
        splits = SimpleNamespace(train=train, validation=None)
        return prepare(*build(options, splits), splits)[0]

    return make


def recall_at_fpr(y: np.ndarray, scores: np.ndarray, max_fpr: float) -> float | None:
    """Returns the highest recall with a false positive rate of at most `max_fpr`."""
    return metrics.recall_at_fpr(metrics.curve(y, scores), max_fpr)


def auroc(y: np.ndarray, scores: np.ndarray) -> float | None:
    """Returns the area under the ROC curve; None if there is only one class."""
    return roc_auc_score(y, scores) if 0 < y.sum() < len(y) else None


def summary(patches: Patches, scores: np.ndarray) -> dict:
    """Computes the metrics with 95 % intervals for all patches, for each camera, and for each patch size."""
    groups = {"all": np.ones(len(patches), bool)}
    for members in (patches.camera, size_class(patches.side)):
        groups |= {} if members is None else {name: members == name for name in np.unique(members)}
    kinds = {f"recall_at_fpr_{limit:g}": partial(recall_at_fpr, max_fpr=limit) for limit in metrics.FPR_LIMITS}
    kinds["auroc"] = auroc
    result = {}
    for name, members in groups.items():
        y, p, recording = patches.y[members], scores[members], patches.recording[members]
        result[name] = {"patches": len(y), "balls": int(y.sum())}
        for kind, metric in kinds.items():
            interval = bootstrap_interval(metric, y, p, groups=recording)
            result[name][kind] = {"value": metric(y, p), "interval": interval}
    return result


def readable(numbers: dict) -> str:
    """Returns a string such as `recall_at_fpr_0.01 0.947 [0.92, 0.96], ...`."""
    return ", ".join(
        f"{kind} {entry['value']:.4f} [{entry['interval'][0]:.3f}, {entry['interval'][1]:.3f}]"
        for kind, entry in numbers.items()
        if isinstance(entry, dict)
    )


def main(argv=None) -> None:
    args = parse_args(argv)
    patches, _ = cross_validation.load(args, "classification", ("train", "validation", "test"))
    splitter = StratifiedGroupKFold(args.folds, shuffle=True, random_state=args.split_seed)
    answers, about = cross_validation.measure(args, patches, splitter, trainer_maker(args))
    result = summary(patches, answers[:, 0])
    for name, numbers in result.items():
        print(f"{name}: {readable(numbers)}")
    cross_validation.write(args, about | result)


if __name__ == "__main__":
    sys.exit(run_main(main))
