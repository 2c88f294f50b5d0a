"""Chooses the decision threshold on validation patches."""

from dataclasses import dataclass, replace
from math import ceil, log, log1p

import numpy as np
from scipy.stats import beta, binom

from classifier_cnn.metrics import Curve, checked, curve
from common.runs.brightness_and_size import SIDE_CLASSES, size_class


@dataclass(frozen=True)
class Threshold:
    """A finite decision threshold, its metrics on the patches it was chosen on, and its guarantee for new patches."""

    value: float
    max_fpr: float
    confidence: float
    false_positive_rate: float | None  # None without negatives
    recall: float | None  # None without positives
    guaranteed: bool  # whether the true rate is at most max_fpr with this confidence
    false_positive_bound: float | None  # upper bound of the true rate with this confidence; None without a confidence
    negatives_missing: int | None  # how many more negatives the guarantee needs; None if no number is enough
    promise: str  # describes the guarantee, or says why there is none
    warning: str | None = None  # why the threshold should not be trusted
    by_side: list[dict] | None = None  # a threshold for each of SIDE_CLASSES, from far to near, if all have a guarantee
    sides: str = ""  # describes the thresholds in `by_side`, or says why there is only one threshold


def choose_threshold(labels, scores, max_fpr: float, confidence: float, side=None) -> Threshold:
    """Returns the threshold that stays within `max_fpr` on new patches with this confidence and has the best recall.

    The k-th highest score of the negatives is an order statistic: the probability that its false positive rate on new
    patches exceeds a limit follows from the binomial distribution alone, whatever the scores are (Tong, Feng & Li,
    Neyman-Pearson classification algorithms and NP receiver operating characteristics, Science Advances 2018). Equal
    scores make this probability smaller. If there are too few negatives for a guarantee, or `confidence` is 0, the rate
    on these patches is <= `max_fpr`.

    Of the thresholds that find the same balls, the one with the fewest false positives is chosen. If the classes are
    well separated, the lowest allowed threshold is among saturated scores near 0. The chosen threshold is midway
    between the lowest detected score and the next lower score, so that rounding in another runtime changes no decision.

    Args:
        labels: [n], 1 ball, 0 no ball.
        scores: [n] in 0..1.
        max_fpr: at least 0 and below 1.
        confidence: at least 0 and below 1; 0 means no guarantee.
        side: float [n], side of the patch in pixels of the camera picture, NaN if unknown; or None. The side affects
            only `by_side` and `sides`; the chosen threshold is one number for all patches.

    Raises:
        ValueError: no metric can be computed from the labels or scores, or a rate or confidence is out of range.
    """
    if not (0 <= max_fpr < 1 and 0 <= confidence < 1):
        raise ValueError(f"Rate and confidence must be in [0, 1). Received: {max_fpr}, {confidence}")
    labels, scores = checked(labels, scores)
    by_side, sides = _by_side(labels, scores, side, max_fpr, confidence)
    return replace(_choose(labels, scores, max_fpr, confidence), by_side=by_side, sides=sides)


def _choose(labels, scores, max_fpr: float, confidence: float) -> Threshold:
    points = curve(labels, scores)
    allowed, promised = allowed_false_positives(int(points.negatives), max_fpr, confidence)
    bound = upper_bound(allowed, int(points.negatives), confidence) if confidence and points.negatives else None
    needed = needed_negatives(max_fpr, confidence)
    missing = None if needed is None else max(0, needed - int(points.negatives))
    promise = _promise(max_fpr, confidence, promised, bound, missing)
    about = (promised, bound, missing, promise)
    if not points.negatives:
        recall = float(points.true_positives[points.scores >= 0.5].max(initial=0) / points.positives)
        warning = "all patches show a ball, so the threshold is set to 0.5"
        return Threshold(0.5, max_fpr, confidence, None, recall, *about, warning)
    kept = int(np.sum(points.false_positives <= allowed))  # number of distinct scores whose patches may be detected
    if points.positives:  # scores below the lowest detected ball would add only false positives
        hits = np.append(0, points.true_positives[:kept])
        kept = int(np.searchsorted(hits, hits[-1]))
    # There is always a next lower score, because detecting everything gives a rate of 1, above any limit.
    value = _between(points.scores[kept], points.scores[kept - 1] if kept else None)
    rate = float(points.false_positives[kept - 1] / points.negatives) if kept else 0.0
    recall = float(hits[kept] / points.positives) if points.positives else None
    return Threshold(value, max_fpr, confidence, rate, recall, *about, _warning(points, max_fpr, recall))


def _by_side(labels, scores, side, max_fpr: float, confidence: float) -> tuple[list[dict] | None, str]:
    """Returns a threshold per side class and a description; or None and the reason why there is only one threshold."""
    classes, needed = size_class(side), needed_negatives(max_fpr, confidence)
    alone = "One threshold for all sizes: "
    if classes is None:
        return None, alone + "the side of the patches in the camera picture is unknown."
    if not needed:
        return None, alone + "thresholds by size need a guarantee, and there is none."
    negatives = {name: int(np.sum((classes == name) & ~labels)) for name in SIDE_CLASSES}
    fewest = min(negatives, key=negatives.get)
    if missing := max(0, needed - negatives[fewest]):
        return None, alone + f"'{fewest}' needs {missing:,} more patches without a ball for its own threshold."
    rows, words = [], []
    for name, upper in SIDE_CLASSES.items():
        one = _choose(labels[classes == name], scores[classes == name], max_fpr, confidence)
        row = {"side_below": upper if upper < np.inf else None, "negatives": negatives[name], "threshold": one.value}
        rows.append(row | {"recall": one.recall, "false_positive_rate": one.false_positive_rate})
        words.append(f"{one.value:.6g} ({name}; {'no balls' if one.recall is None else f'recall {one.recall:.1%}'})")
    return rows, (
        f"Thresholds by the side of the patch in the camera picture, each with the same guarantee: {', '.join(words)}. "
        "With the float32 formats, robot code that knows the side of a candidate can use the threshold of its class. "
        "Exported files contain only the one threshold for all sizes."
    )


def allowed_false_positives(negatives: int, max_fpr: float, confidence: float) -> tuple[int, bool]:
    """Returns how many of `negatives` patches without a ball may be detected, and whether this guarantees the limit.

    This number is the largest one with P(Binomial(negatives, max_fpr) <= allowed) <= 1 - confidence. If no number
    fulfils this condition, or the confidence is 0, the function returns the largest number whose rate on these patches
    is <= max_fpr.
    """
    empirical = int(max_fpr * negatives) + 1
    empirical -= empirical > max_fpr * negatives * (1 + 1e-12)  # 0.29 * 100 is 28.999...
    if not confidence:
        return empirical, False
    allowed = int(binom.ppf(1 - confidence, negatives, max_fpr)) if negatives else -1
    allowed -= binom.cdf(allowed, negatives, max_fpr) > 1 - confidence  # ppf rounds up
    return (min(allowed, empirical), True) if allowed >= 0 else (empirical, False)


def upper_bound(false_positives, negatives: int, confidence: float):
    """Returns the upper confidence bound of the rate for this number of false positives (Clopper & Pearson 1934)."""
    passed = np.asarray(false_positives, float)
    bound = np.where(passed < negatives, beta.ppf(confidence, passed + 1, np.maximum(negatives - passed, 1e-9)), 1.0)
    return float(bound) if bound.ndim == 0 else bound


def needed_negatives(max_fpr: float, confidence: float) -> int | None:
    """Returns how many negatives a guarantee needs (299 for 1 % with 95 % confidence); None if no number is enough."""
    return ceil(log(1 - confidence) / log1p(-max_fpr)) if max_fpr else None


def _promise(max_fpr: float, confidence: float, promised: bool, bound: float | None, missing: int | None) -> str:
    limit, sure = f"{max_fpr * 100:.4g} %", f"{confidence * 100:.4g} %"
    if not confidence:
        return f"chosen for at most {limit} false positives on validation; no guarantee was requested"
    if promised:
        return f"guaranteed: at most {limit} false positives with {sure} confidence"
    upto = "" if bound is None else f"up to {bound * 100:.3g} % false positives are possible ({sure} confidence); "
    if missing is None:
        return f"not guaranteed: {upto}no number of patches can guarantee a rate of 0"
    return f"not guaranteed: {upto}{missing:,} more patches without a ball are needed"


def _between(below: float, above: float | None) -> float:
    """Returns the float32 value midway between two scores; it is never equal to `below`."""
    if above is None:  # nothing may be detected, so the value is above 1 if a patch has the score 1
        above = 1.0 if below < 1 else np.nextafter(np.float32(1), np.float32(2))
    middle = np.float32((float(below) + float(above)) / 2)
    return float(middle if middle > below else above)


def _warning(points: Curve, max_fpr: float, recall: float | None) -> str | None:
    """Returns a warning if the threshold is of little use although it stays within the limit, else None."""
    limit = f"{max_fpr * 100:.4g} %"
    if recall is None:
        return "no patch shows a ball, so the threshold depends only on patches without a ball"
    if not recall:
        return (
            f"no ball scores high enough: with a false positive rate of at most {limit}, nothing is found "
            f"(the highest score is {points.scores[0]:.4g})"
        )
    if max_fpr * points.negatives < 1:
        return f"{points.negatives:.0f} patches without a ball are too few to measure a rate of {limit}"
    return None
