"""Computes the classifier's metrics: pure functions of labels and scores, without I/O.

A patch counts as a ball if `score >= threshold`. Scores are always compared as float32, as in the network and on the
robot. A chosen threshold is a float32 value, so JSON and C++ do not change it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from common.datasets.patch_file import Patches
from common.runs.bootstrap import bootstrap_interval

FPR_LIMITS = (0.01, 0.001)
CANDIDATES_PER_MINUTE = 25 * 2 * 30 * 60  # candidates per picture, cameras, frames per second, seconds per minute


@dataclass(frozen=True)
class Curve:
    """The numbers of detections with each distinct score as the threshold.

    The thresholds are in decreasing order. All arrays are float [m], for m distinct scores.

    A threshold above the highest score, at which nothing is detected, is left out because it would not be finite.
    """

    scores: np.ndarray  # descending
    true_positives: np.ndarray  # patches with a ball and score >= scores[i]
    false_positives: np.ndarray  # patches without a ball and score >= scores[i]

    @property
    def positives(self) -> float:
        """The number of patches with a ball."""
        return float(self.true_positives[-1])

    @property
    def negatives(self) -> float:
        """The number of patches without a ball."""
        return float(self.false_positives[-1])


@dataclass(frozen=True)
class Scored:
    """Patches with a model's scores and threshold.

    scores: float32 [n], 0..1. name: `validation`, `test`, or "" for other sets; the names of the written files begin
    with it, and the titles of the pictures contain it.
    """

    patches: Patches
    scores: np.ndarray
    threshold: float
    name: str = ""

    @property
    def balls(self) -> np.ndarray:
        """Whether each patch shows a ball, bool [n]."""
        return np.asarray(self.patches.y).reshape(-1) == 1

    @property
    def found(self) -> np.ndarray:
        """Whether each patch counts as a ball, bool [n]."""
        return np.asarray(self.scores, np.float32) >= np.float32(self.threshold)


def checked(labels, scores) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels as bool [n] and scores as float32 [n]; raises a ValueError if no metric can be computed."""
    labels, scores = np.asarray(labels).reshape(-1), np.asarray(scores, np.float32).reshape(-1)
    if len(labels) != len(scores) or not len(labels):
        raise ValueError(f"Each label needs one score. Received: {len(labels)} labels, {len(scores)} scores")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"Labels must be 0 (no ball) or 1 (ball). Received: {np.unique(labels)[:5].tolist()}")
    if not ((scores >= 0) & (scores <= 1)).all():  # also catches NaN
        raise ValueError(f"Scores must be in 0..1. Received: {scores.min()} to {scores.max()}")
    return labels == 1, scores


def curve(labels, scores) -> Curve:
    """Returns the curve from which ROC, precision-recall and the threshold are computed."""
    labels, scores = checked(labels, scores)
    order = np.argsort(-scores, kind="stable")
    descending = scores[order]
    ends = np.flatnonzero(np.append(np.diff(descending) != 0, True))  # ties are detected together or not at all
    hits = np.cumsum(labels[order])[ends].astype(float)
    return Curve(descending[ends], hits, ends + 1.0 - hits)


def recall_at_fpr(points: Curve, max_fpr: float) -> float | None:
    """Returns the highest recall with a false positive rate <= `max_fpr`, or None if there is only one class.

    This is the recall of the best threshold for these patches, so it measures how well the scores separate the classes,
    not how good the chosen threshold is. The ROC is not interpolated. A threshold above all scores is always allowed.
    """
    if not points.positives or not points.negatives:
        return None
    allowed = points.false_positives / points.negatives <= max_fpr
    return float(np.max(points.true_positives, where=allowed, initial=0) / points.positives)


def recall_at_equal_fpr(hits: np.ndarray, alarms: np.ndarray, rate: float) -> float:
    """Returns the recall at the number of false positives that a rate allows; this number is the same for all models.

    If several patches share the score at which this number is reached, ties are broken at random: the expected recall
    is on the line between the two neighbouring points of the ROC (Fawcett, Pattern Recognition Letters 2006). With
    `recall_at_fpr`, a model with few distinct scores, such as a quantised model, would be measured at fewer false
    positives than allowed.

    Args:
        hits, alarms: detections for decreasing thresholds, float [m], as in `Curve`. rate: 0..1.
    """
    hits, alarms = np.append(0, hits), np.append(0, alarms)
    allowed = np.floor(rate * alarms[-1] * (1 + 1e-12))
    i = int(np.searchsorted(alarms, allowed, side="right")) - 1
    found = hits[i]
    if alarms[i] < allowed:
        found += (hits[i + 1] - hits[i]) * (allowed - alarms[i]) / (alarms[i + 1] - alarms[i])
    return float(found / hits[-1])


def of_drawn_patches(labels, scores, threshold: float, limits):
    """Returns a function that computes the metrics for comparing models on a bootstrap sample.

    The argument of this function is the number of times that each patch is drawn, int [n]. The metrics are recall at
    each of `limits`, AUROC, and recall and false positive rate at the threshold. The function returns None if only one
    class is drawn. Scores are sorted only once.
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
    """Returns all metrics by name. Undefined metrics (only one class, or no detections) are left out.

    `recall`, `precision`, `f1`, `accuracy` and `false_positive_rate` are for the chosen threshold;
    `recall_at_fpr_*`, `auroc` and `average_precision` depend only on the scores.
    """
    points = curve(labels, scores)
    labels, scores = checked(labels, scores)
    found = scores >= np.float32(threshold)
    # Clipped as in Keras, because one confident error must not make the mean infinite.
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
    """Returns the 95 % interval of the false positive rate (`false_positive_rate_low`, `_high`); {} without negatives.

    Two intervals are computed: the exact binomial interval and, if the recordings are known, a bootstrap over whole
    recordings, because patches of one recording resemble each other. The returned interval extends from the lower of
    the two lower ends to the higher of the two upper ends. It is not valid for a threshold chosen on these patches.
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
    """Returns one row per camera, per recording and so on, with `group`, `name` and the metrics of `evaluate`.

    Args:
        labels: [n], 1 ball, 0 no ball.
        scores: [n] in 0..1.
        threshold: the chosen threshold, the same for all groups.
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
    """Returns the metrics of two simple baselines.

    The first baseline always answers "no ball". The score of the second baseline is how much brighter the middle of a
    patch is than the whole patch.

    On real patches, the second baseline separates the classes better than the mean brightness or the contrast does.

    Args:
        labels: [n], 1 ball, 0 no ball.
        X: uint8 [n, height, width, channels]; the first channel is Y.
    """
    height, width = X.shape[1:3]
    middle = np.s_[:, height // 4 : height - height // 4, width // 4 : width - width // 4]
    blocks = (X[start : start + 8192][..., 0] for start in range(0, len(X), 8192))  # X may be read from a file
    brighter = np.concatenate([y[middle].mean((1, 2)) - y.mean((1, 2)) for y in blocks])
    score = brighter / 510 + 0.5  # -255..255 to 0..1
    numbers = evaluate(labels, score, threshold=1)
    kept = ("auroc", "average_precision", *(f"recall_at_fpr_{limit:g}" for limit in FPR_LIMITS))
    return {"baseline_accuracy": float(1 - np.mean(labels))} | {
        f"baseline_{name}": numbers[name] for name in kept if name in numbers
    }
