"""The classifier's numbers: pure functions of labels and scores, no input or output.

A patch counts as a ball when `score >= threshold`. Scores are compared as float32 everywhere, as the network gives them
and the robot computes them; a threshold chosen here is a float32 value, so it survives JSON and C++ unchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FPR_LIMITS = (0.01, 0.001)


@dataclass(frozen=True)
class Curve:
    """Detections as the threshold sinks through the distinct scores; all arrays are float [m], m distinct scores.

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
class Threshold:
    """A finite decision threshold, and what it does on the patches it was chosen on."""

    value: float
    max_fpr: float
    false_positive_rate: float | None  # None without negatives
    recall: float | None  # None without positives
    warning: str | None = None  # why it should not be trusted


def _checked(labels, scores) -> tuple[np.ndarray, np.ndarray]:
    """Labels as bool [n] and scores as float32 [n]; ValueError for anything that no metric may be computed from."""
    labels, scores = np.asarray(labels).reshape(-1), np.asarray(scores, np.float32).reshape(-1)
    if len(labels) != len(scores) or not len(labels):
        raise ValueError(f"One score per label, at least one. Received: {len(labels)} labels, {len(scores)} scores")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"Labels are 0 (no ball) or 1 (ball). Received: {np.unique(labels)[:5].tolist()}")
    if not ((scores >= 0) & (scores <= 1)).all():  # also catches NaN
        raise ValueError(f"Scores lie in 0..1. Received: {scores.min()} to {scores.max()}")
    return labels == 1, scores


def _block_ends(descending: np.ndarray) -> np.ndarray:
    """Index of the last member of each run of equal scores: ties are detected together or not at all."""
    return np.flatnonzero(np.append(np.diff(descending) != 0, True))


def curve(labels, scores) -> Curve:
    """The curve that ROC, precision-recall and the choice of the threshold are read from."""
    labels, scores = _checked(labels, scores)
    order = np.argsort(-scores, kind="stable")
    ends = _block_ends(scores[order])
    hits = np.cumsum(labels[order])[ends].astype(float)
    return Curve(scores[order][ends], hits, ends + 1.0 - hits)


def auroc(points: Curve) -> float | None:
    """Area under the ROC curve, ties counted half; None with one class only."""
    if not points.positives or not points.negatives:
        return None
    area = np.trapezoid(np.append(0, points.true_positives), np.append(0, points.false_positives))
    return float(area / points.positives / points.negatives)


def average_precision(points: Curve) -> float | None:
    """Precision averaged over the steps of recall, without interpolation; None with one class only."""
    if not points.positives or not points.negatives:
        return None
    detections = points.true_positives + points.false_positives
    # A resample can leave out the highest scores: zero of zero detections add no recall, so any precision will do.
    precision = points.true_positives / np.maximum(detections, 1)
    return float(np.sum(np.diff(points.true_positives, prepend=0) * precision) / points.positives)


def recall_at_fpr(points: Curve, max_fpr: float) -> float | None:
    """Highest recall that a threshold reaches with a false positive rate <= `max_fpr`; None with one class only.

    Read from the ROC of the patches themselves, without interpolation: it tells how well the scores separate, not what
    the shipped threshold does. The threshold above all scores (recall 0) always qualifies.
    """
    if not points.positives or not points.negatives:
        return None
    allowed = points.false_positives / points.negatives <= max_fpr
    return float(np.max(points.true_positives, where=allowed, initial=0) / points.positives)


def choose_threshold(labels, scores, max_fpr: float) -> Threshold:
    """The threshold of the highest recall whose false positive rate on these patches is <= `max_fpr`.

    Of those that find the same balls it lets the fewest false positives pass: with well separated classes the lowest
    allowed would lie among saturated scores near 0. It lies midway between the lowest score still detected and the next
    below, so that rounding in another runtime flips nothing. `warning` says at what price the promise is kept.

    Args:
        labels: [n], 1 ball, 0 no ball.
        scores: [n] in 0..1.
        max_fpr: at least 0, below 1.

    Raises:
        ValueError: labels or scores that no metric can be computed from, or `max_fpr` out of range.
    """
    if not 0 <= max_fpr < 1:
        raise ValueError(f"The highest false positive rate lies in [0, 1). Received: {max_fpr}")
    points = curve(labels, scores)
    if not points.negatives:
        recall = float(points.true_positives[points.scores >= 0.5].max(initial=0) / points.positives)
        return Threshold(0.5, max_fpr, None, recall, "no patch without a ball: the threshold is a plain 0.5")
    kept = int(np.sum(points.false_positives / points.negatives <= max_fpr))  # distinct scores that may be detected
    if points.positives:  # those below the last ball would add false positives alone
        hits = np.append(0, points.true_positives[:kept])
        kept = int(np.searchsorted(hits, hits[-1]))
    # There is always a next score below: to detect everything is a rate of 1, above any limit.
    value = _between(points.scores[kept], points.scores[kept - 1] if kept else None)
    rate = float(points.false_positives[kept - 1] / points.negatives) if kept else 0.0
    recall = float(hits[kept] / points.positives) if points.positives else None
    return Threshold(value, max_fpr, rate, recall, _warning(points, max_fpr, recall))


def _between(below: float, above: float | None) -> float:
    """The float32 value midway between two scores, never `below` itself."""
    if above is None:  # no score may pass; beyond 1 only where 1 is the score to keep out
        above = 1.0 if below < 1 else np.nextafter(np.float32(1), np.float32(2))
    middle = np.float32((float(below) + float(above)) / 2)
    return float(middle if middle > below else above)


def _warning(points: Curve, max_fpr: float, recall: float | None) -> str | None:
    """What the user must know about a threshold that keeps its promise; None if all is well."""
    if recall is None:
        return "no patch with a ball to choose on: the threshold knows only what is not a ball"
    if not recall:
        return (
            f"no ball scores above the limit: with a false positive rate of at most {max_fpr:g} nothing is found "
            f"(the highest score is {points.scores[0]:.4g})"
        )
    if max_fpr * points.negatives < 1:
        return (
            f"{points.negatives:.0f} patches without a ball are too few to measure a rate of {max_fpr:g}: none passes"
        )
    return None


def evaluate(labels, scores, threshold: float) -> dict[str, float]:
    """Every number of one set of patches, by name. What is undefined (one class only, no detections) is left out.

    `recall`, `precision`, `f1`, `accuracy` and `false_positive_rate` are at the threshold that is shipped;
    `recall_at_fpr_*`, `auroc` and `average_precision` belong to the scores alone.
    """
    points = curve(labels, scores)
    labels, scores = _checked(labels, scores)
    found = scores >= np.float32(threshold)
    # Clipped as Keras does: one confident error must not make the mean infinite.
    likelihood = np.clip(np.where(labels, scores, 1 - scores.astype(float)), 1e-7, 1)
    numbers = _at_threshold(labels, found) | {
        "threshold": float(threshold),
        "auroc": auroc(points),
        "average_precision": average_precision(points),
        **{f"recall_at_fpr_{limit:g}": recall_at_fpr(points, limit) for limit in FPR_LIMITS},
        "log_loss": float(-np.log(likelihood).mean()),
        "brier": float(np.mean((scores - labels.astype(float)) ** 2)),
    }
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


def evaluate_groups(labels, scores, threshold: float, **groups) -> list[dict[str, str | float]]:
    """One row per camera, per recording, ... : `group`, `name` and the numbers of `evaluate`, sorted by name.

    Args:
        labels: [n], 1 ball, 0 no ball.
        scores: [n] in 0..1.
        threshold: the one that is shipped, the same for every group.
        **groups: `camera=`, `recording=`: str [n], or None where the file does not say (no rows then).
    """
    labels, scores = _checked(labels, scores)
    rows = []
    for group, members in groups.items():
        members = np.asarray([] if members is None else members)
        for name in np.unique(members):
            numbers = evaluate(labels[members == name], scores[members == name], threshold)
            rows.append({"group": group, "name": str(name)} | numbers)
    return rows


def baseline(labels, X) -> dict[str, float]:
    """What no network reaches: always "no ball", and how much brighter the middle of the patch is than all of it.

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


def bootstrap_interval(
    labels, scores, metric: Callable[[Curve], float | None], groups=None, n: int = 1000, seed: int = 0
) -> tuple[float, float] | None:
    """The 95 % percentile interval of `metric` over `n` resamples with replacement (Efron 1979).

    With `groups`, whole groups are drawn (the cluster bootstrap): patches of one recording resemble each other, and
    drawn one by one they would make the interval far too narrow.

    Args:
        labels: [n], 1 ball, 0 no ball.
        scores: [n] in 0..1.
        metric: of a curve: `auroc`, `average_precision`, `partial(recall_at_fpr, max_fpr=0.01)`, ...
        groups: str or int [n], the recording of each patch.
        n: resamples.
        seed: the same seed, the same interval.

    Returns:
        (low, high), or None where no resample had both classes.
    """
    labels, scores = _checked(labels, scores)
    order = np.argsort(-scores, kind="stable")
    labels, scores = labels[order], scores[order]
    ends = _block_ends(scores)
    members = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1].reshape(-1)[order]
    count, random, values = members.max() + 1, np.random.default_rng(seed), []
    for _ in range(n):
        # The order never changes: a resample is a count per group, so no draw needs to be sorted again.
        weight = np.bincount(random.integers(count, size=count), minlength=count)[members]
        hits, all_ = np.cumsum(weight * labels)[ends], np.cumsum(weight)[ends]
        values.append(metric(Curve(scores[ends], hits.astype(float), (all_ - hits).astype(float))))
    values = [value for value in values if value is not None]
    return tuple(np.percentile(values, (2.5, 97.5)).tolist()) if values else None
