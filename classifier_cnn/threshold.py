"""The choice of the decision threshold on validation patches."""

from dataclasses import dataclass

import numpy as np

from classifier_cnn.metrics import Curve, curve


@dataclass(frozen=True)
class Threshold:
    """A finite decision threshold, and what it does on the patches it was chosen on."""

    value: float
    max_fpr: float
    false_positive_rate: float | None  # None without negatives
    recall: float | None  # None without positives
    warning: str | None = None  # why it should not be trusted


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
