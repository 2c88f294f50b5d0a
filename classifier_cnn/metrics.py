"""The classifier's numbers: pure functions of labels and scores, no I/O.

A patch counts as a ball when `score >= threshold`. Scores are compared as float32 everywhere, as the network gives them
and the robot computes them; a threshold chosen here is a float32 value, so it survives JSON and C++ unchanged.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from common.datasets.patch_file import Patches
from common.runs.bootstrap import bootstrap_interval

FPR_LIMITS = (0.01, 0.001)
CANDIDATES_PER_MINUTE = 25 * 2 * 30 * 60  # per camera, cameras, frames a second, seconds


@dataclass(frozen=True)
class Curve:
    """Detections as the threshold decreases through the distinct scores; all arrays are float [m], m distinct scores.

    The point above the highest score, where nothing is detected, is left out: it has no finite threshold.
    """

    scores: np.ndarray  # descending
    true_positives: np.ndarray  # patches with a ball and score >= scores[i]
    false_positives: np.ndarray  # patches without a ball and score >= scores[i]

    @property
    def positives(self) -> float:
        """Patches with a ball."""
        return float(self.true_positives[-1])

    @property
    def negatives(self) -> float:
        """Patches without a ball."""
        return float(self.false_positives[-1])


@dataclass(frozen=True)
class Scored:
    """Patches with the scores of a model and the threshold that it is judged by.

    scores: float32 [n], 0..1. name: of the set, `validation` or `test`, "" for others: comes before the names of its
    files and into the titles of its pictures.
    """

    patches: Patches
    scores: np.ndarray
    threshold: float
    name: str = ""

    @property
    def balls(self) -> np.ndarray:
        """Which patches show a ball, bool [n]."""
        return np.asarray(self.patches.y).reshape(-1) == 1

    @property
    def found(self) -> np.ndarray:
        """Which patches are taken for a ball, bool [n]."""
        return np.asarray(self.scores, np.float32) >= np.float32(self.threshold)


def checked(labels, scores) -> tuple[np.ndarray, np.ndarray]:
    """Labels as bool [n] and scores as float32 [n]; ValueError if no metric can be computed from them."""
    labels, scores = np.asarray(labels).reshape(-1), np.asarray(scores, np.float32).reshape(-1)
    if len(labels) != len(scores) or not len(labels):
        raise ValueError(f"One score per label, at least one. Received: {len(labels)} labels, {len(scores)} scores")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"Labels are 0 (no ball) or 1 (ball). Received: {np.unique(labels)[:5].tolist()}")
    if not ((scores >= 0) & (scores <= 1)).all():  # also catches NaN
        raise ValueError(f"Scores lie in 0..1. Received: {scores.min()} to {scores.max()}")
    return labels == 1, scores


def curve(labels, scores) -> Curve:
    """The curve that ROC, precision-recall and the choice of the threshold are read from."""
    labels, scores = checked(labels, scores)
    order = np.argsort(-scores, kind="stable")
    descending = scores[order]
    ends = np.flatnonzero(np.append(np.diff(descending) != 0, True))  # ties are detected together or not at all
    hits = np.cumsum(labels[order])[ends].astype(float)
    return Curve(descending[ends], hits, ends + 1.0 - hits)


def recall_at_fpr(points: Curve, max_fpr: float) -> float | None:
    """Highest recall that a threshold reaches with a false positive rate <= `max_fpr`; None with one class only.

    Read from the ROC of these patches, without interpolation: it measures how well the scores separate, not what the
    shipped threshold does. The threshold above all scores (recall 0) always qualifies.
    """
    if not points.positives or not points.negatives:
        return None
    allowed = points.false_positives / points.negatives <= max_fpr
    return float(np.max(points.true_positives, where=allowed, initial=0) / points.positives)


def recall_at_equal_fpr(hits: np.ndarray, alarms: np.ndarray, rate: float) -> float:
    """Recall at exactly the false positives that a rate allows on these patches: the same number for every model.

    Where the last of them is tied with other patches, ties are broken at random: the expected recall is on the line
    between both points of the ROC (Fawcett, Pattern Recognition Letters 2006). `recall_at_fpr` would leave a model of
    few different scores, such as a quantised one, with fewer false positives than it may have.

    Args:
        hits, alarms: detections as the threshold decreases, float [m], as in `Curve`. rate: 0..1.
    """
    hits, alarms = np.append(0, hits), np.append(0, alarms)
    allowed = np.floor(rate * alarms[-1] * (1 + 1e-12))
    i = int(np.searchsorted(alarms, allowed, side="right")) - 1
    found = hits[i]
    if alarms[i] < allowed:
        found += (hits[i + 1] - hits[i]) * (allowed - alarms[i]) / (alarms[i + 1] - alarms[i])
    return float(found / hits[-1])


def of_drawn_patches(labels, scores, threshold: float, limits):
    """A function from how often each of these patches is drawn, int [n], to the numbers that models are compared by.

    They are recall at each of `limits`, AUROC, recall and false positive rate at the threshold; None where one class
    alone is drawn. Scores are sorted once for all draws.
    """
    labels, scores = checked(labels, scores)
    found, order = scores >= np.float32(threshold), np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    balls = labels[order]

    def measure(times):
        drawn = times[order]
        hits = np.cumsum(drawn * balls)[ends].astype(float)
        alarms = np.cumsum(drawn)[ends] - hits
        if not hits[-1] or not alarms[-1]:
            return (None,) * (len(limits) + 3)
        recalls = [recall_at_equal_fpr(hits, alarms, limit) for limit in limits]
        auroc = np.trapezoid(np.append(0, hits), np.append(0, alarms)) / (hits[-1] * alarms[-1])
        rates = (times[found & labels].sum() / hits[-1], times[found & ~labels].sum() / alarms[-1])
        return (*recalls, float(auroc), *map(float, rates))

    return measure


def evaluate(labels, scores, threshold: float) -> dict[str, float]:
    """Every number of one set of patches, by name. Undefined numbers (one class only, no detections) are left out.

    `recall`, `precision`, `f1`, `accuracy` and `false_positive_rate` are at the threshold that is shipped;
    `recall_at_fpr_*`, `auroc` and `average_precision` depend on the scores alone.
    """
    points = curve(labels, scores)
    labels, scores = checked(labels, scores)
    found = scores >= np.float32(threshold)
    # Clipped as Keras does: one confident error must not make the mean infinite.
    clipped = np.clip(scores.astype(float), 1e-7, 1 - 1e-7)
    numbers = _at_threshold(labels, found) | {
        "threshold": float(threshold),
        **{f"recall_at_fpr_{limit:g}": recall_at_fpr(points, limit) for limit in FPR_LIMITS},
        "log_loss": float(log_loss(labels, clipped, labels=[False, True])),
        "brier": float(np.mean((scores - labels) ** 2)),
    }
    if points.positives and points.negatives:
        numbers["auroc"] = float(roc_auc_score(labels, scores))
        numbers["average_precision"] = float(average_precision_score(labels, scores))
    return {name: value for name, value in numbers.items() if value is not None}


def _at_threshold(labels: np.ndarray, found: np.ndarray) -> dict[str, float | None]:
    balls, hits, alarms = int(labels.sum()), int((labels & found).sum()), int((~labels & found).sum())
    others, detections = len(labels) - balls, hits + alarms
    return {
        "patches": len(labels),
        "balls": balls,
        "false_positives": alarms,
        "false_negatives": balls - hits,
        "accuracy": (hits + others - alarms) / len(labels),
        "precision": hits / detections if detections else None,
        "recall": hits / balls if balls else None,
        "f1": 2 * hits / (balls + detections) if balls + detections else None,
        "false_positive_rate": alarms / others if others else None,
    }


def false_positive_interval(labels, scores, threshold: float, recording=None) -> dict[str, float]:
    """The 95 % interval of the false positive rate: `false_positive_rate_low` and `_high`; {} without negatives.

    The wider, on either side, of the exact binomial interval and a bootstrap over whole recordings, where they are
    known: patches of one recording resemble each other. It promises nothing for a threshold chosen on these patches.
    """
    labels, scores = checked(labels, scores)
    passed = scores[~labels] >= np.float32(threshold)
    if not len(passed):
        return {}
    interval = [*binomtest(int(passed.sum()), len(passed)).proportion_ci(0.95)]
    if recording is not None:
        members = np.unique(np.asarray(recording)[~labels], return_inverse=True)[1].reshape(-1)
        counts = np.bincount(members, weights=passed), np.bincount(members)  # one row per recording
        low, high = bootstrap_interval(lambda passed, patches: passed.sum() / patches.sum(), *counts)
        interval = [min(low, interval[0]), max(high, interval[1])]
    return {"false_positive_rate_low": float(interval[0]), "false_positive_rate_high": float(interval[1])}


def evaluate_groups(labels, scores, threshold: float, **groups) -> list[dict[str, str | float]]:
    """One row per camera, per recording, ... : `group`, `name` and the numbers of `evaluate`, sorted by name.

    Args:
        labels: [n], 1 ball, 0 no ball.
        scores: [n] in 0..1.
        threshold: the one that is shipped, the same for every group.
        **groups: `camera=`, `recording=`: str [n], or None if the file has none (then there are no rows).
    """
    labels, scores = checked(labels, scores)
    rows = []
    for group, members in groups.items():
        members = np.asarray([] if members is None else members)
        for name in np.unique(members):
            numbers = evaluate(labels[members == name], scores[members == name], threshold)
            rows.append({"group": group, "name": str(name)} | numbers)
    return rows


def baseline(labels, X) -> dict[str, float]:
    """Two baselines without a network: always "no ball", and how much brighter the middle is than the whole patch.

    On real patches this one subtraction separates better than the mean brightness or the contrast.

    Args:
        labels: [n], 1 ball, 0 no ball.
        X: uint8 [n, height, width, channels], Y first.
    """
    height, width = X.shape[1:3]
    middle = np.s_[:, height // 4 : height - height // 4, width // 4 : width - width // 4]
    blocks = (X[start : start + 8192][..., 0] for start in range(0, len(X), 8192))  # X may lie in a file
    brighter = np.concatenate([y[middle].mean((1, 2)) - y.mean((1, 2)) for y in blocks])
    score = brighter / 510 + 0.5  # -255..255 to 0..1
    numbers = evaluate(labels, score, threshold=1)
    kept = ("auroc", "average_precision", *(f"recall_at_fpr_{limit:g}" for limit in FPR_LIMITS))
    return {"baseline_accuracy": float(1 - np.mean(labels))} | {
        f"baseline_{name}": numbers[name] for name in kept if name in numbers
    }
