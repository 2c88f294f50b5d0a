"""Measures how much recall train.py's --confidence costs, and how often the real false positive rate exceeds the limit.

Five networks score the recordings that they were not trained on, as in classifier_cross_validation.py. From these
scores, validation sets of different sizes are drawn: single patches, as the guarantee assumes, or whole recordings, as
in practice. A threshold is chosen on each set. The rates on all patches together count as the real rates.

    .venv/bin/python benchmarks/threshold_confidence.py --data-root data --filters 8 8 16 16

takes about three minutes on one core.
"""

import argparse
import sys

import classifier_cross_validation
import cross_validation
import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from classifier_cnn.options import DEFAULT_STEM, MAX_FPR, Options
from classifier_cnn.threshold import choose_threshold
from common.cli.program import run_main

NEGATIVES = (300, 736, 3000)  # enough to guarantee 1 %; as many as in the team's file; enough to guarantee 0.1 %
CONFIDENCES = (0, 0.8, 0.9, 0.95)


def parse_args(argv=None) -> argparse.Namespace:
    parser = cross_validation.parser(__doc__, Options, DEFAULT_STEM, "threshold_confidence.json")
    parser.add_argument("--draws", type=int, default=300, help="validation sets per row (%(default)s)")
    parser.set_defaults(epochs=100)
    return parser.parse_args(argv)


def draw(rng: np.random.Generator, labels, recording, negatives: int, whole: bool) -> np.ndarray:
    """Draws the rows of a validation set with replacement; at least `negatives` of the patches show no ball."""
    if not whole:
        balls, others = np.flatnonzero(labels), np.flatnonzero(~labels)
        return np.concatenate([rng.choice(others, negatives), rng.choice(balls, negatives * len(balls) // len(others))])
    names, members = np.unique(recording, return_inverse=True)
    rows = np.empty(0, int)
    while np.sum(~labels[rows]) < negatives:
        rows = np.append(rows, np.flatnonzero(members == rng.integers(len(names))))
    return rows


def measure(labels, scores, recording, draws: int) -> list[dict]:
    """Returns a row for each combination of drawing method, size and confidence.

    Each row contains the fraction of the sets whose false positive rate exceeds the limit, and the lost recall.
    """
    rows = []
    for whole in (False, True):
        for negatives in NEGATIVES:
            rng = np.random.default_rng(0)
            sets = [draw(rng, labels, recording, negatives, whole) for _ in range(draws)]
            recalls = {}
            for confidence in CONFIDENCES:
                chosen = [choose_threshold(labels[s], scores[s], MAX_FPR, confidence).value for s in sets]
                found = [scores >= np.float32(value) for value in chosen]
                exceeded = float(np.mean([np.mean(one[~labels]) > MAX_FPR for one in found]))
                recalls[confidence] = float(np.mean([np.mean(one[labels]) for one in found]))
                row = {"whole_recordings": whole, "negatives": negatives, "confidence": confidence}
                rows.append(row | {"exceeded": exceeded, "recall_lost": recalls[0] - recalls[confidence]})
    return rows


def main(argv=None) -> None:
    args = parse_args(argv)
    patches, _ = cross_validation.load(args, "classification", ("train", "validation", "test"))
    splitter = StratifiedGroupKFold(args.folds, shuffle=True, random_state=args.split_seed)
    make_trainer = classifier_cross_validation.trainer_maker(args)
    answers, about = cross_validation.measure(args, patches, splitter, make_trainer)
    rows = measure(patches.y.reshape(-1) == 1, answers[:, 0], patches.recording, args.draws)
    print(f"{'drawn':12}{'negatives':>10}{'confidence':>12}{'exceeded':>10}{'recall lost':>13}")
    for row in rows:
        drawn = "recordings" if row["whole_recordings"] else "patches"
        rates = f"{row['exceeded']:>10.1%}{row['recall_lost'] * 100:>13.1f}"
        print(f"{drawn:12}{row['negatives']:>10,}{row['confidence']:>12g}{rates}")
    cross_validation.write(args, about | {"rows": rows})


if __name__ == "__main__":
    sys.exit(run_main(main))
