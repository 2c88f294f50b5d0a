"""Draws the classifier's pictures: the curves with the threshold, the distribution of scores, and the worst patches."""

from pathlib import Path

import numpy as np

from classifier_cnn import metrics
from classifier_cnn.metrics import Scored
from classifier_cnn.options import CONFIDENCE
from classifier_cnn.threshold import upper_bound
from common.runs import plots
from common.runs.plots import ACCENT, BALL, INK, NO_BALL, shortened

WORST = 20  # patches per gallery


def write_all(folder: Path, scored: Scored, confidence: float = CONFIDENCE) -> None:
    """Saves all pictures of a scored set of patches in an existing folder; `confidence`: see `curves`."""
    before = f"{scored.name}_" if scored.name else ""
    curves(folder / f"{before}curves.png", scored, confidence)
    score_histogram(folder / f"{before}scores.png", scored)
    worst_false_positives(folder / f"{before}worst_false_positives.png", scored)
    worst_false_negatives(folder / f"{before}worst_false_negatives.png", scored)


def curves(path: Path, scored: Scored, confidence: float = CONFIDENCE) -> None:
    """Draws the ROC (false positive rate on a logarithmic axis) and precision against recall, and marks the threshold.

    The band of the ROC shows how high the false positive rate of each threshold may be on new patches, with the given
    confidence. If `confidence` is 0, no band is drawn.
    """
    points = metrics.curve(scored.balls, scored.scores)
    numbers = metrics.evaluate(scored.balls, scored.scores, scored.threshold)
    where = f" on {scored.name}" if scored.name else ""
    with plots.figure(path, height=9.4) as drawing:
        upper, lower = drawing.subplots(2)
        if not points.positives or not points.negatives:
            for axes in (upper, lower):
                axes.axis("off")
            upper.set_title(f"No curves{where}: they need patches with and without a ball")
            return
        recall = points.true_positives / points.positives
        _roc(upper, points, recall, numbers, confidence)
        upper.set_title(
            f"{numbers['recall']:.1%} of the balls found{where}\n"
            f"at {numbers['false_positive_rate']:.2%} false positives (AUROC {numbers['auroc']:.4f})"
        )
        detections = points.true_positives + points.false_positives
        precision = points.true_positives / detections
        lower.plot(np.append(0, recall), np.append(precision[0], precision), color=NO_BALL)
        if "precision" in numbers:
            lower.plot(numbers["recall"], numbers["precision"], "o", color=ACCENT, markersize=10, zorder=5)
            share = f"{numbers['precision']:.1%} of the detections are balls"
        else:
            share = "Nothing is detected"
        lower.set(xlabel="recall: fraction of the balls found", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.03))
        lower.set_title(f"{share}\n(average precision {numbers['average_precision']:.4f})")


def _roc(axes, points: metrics.Curve, recall: np.ndarray, numbers: dict[str, float], confidence: float) -> None:
    """Draws recall against the false positive rate; a rate of 0 is drawn at the left edge."""
    one = 1 / points.negatives
    left = one / 2  # a logarithmic axis cannot show the rate 0
    rate = np.maximum(points.false_positives / points.negatives, left)
    axes.step(np.append(left, rate), np.append(0, recall), where="post", color=NO_BALL)
    if confidence:
        bound = upper_bound(points.false_positives, int(points.negatives), confidence)
        label = f"upper bound, {plots.percent(confidence)} confidence"
        axes.fill_betweenx(recall, rate, np.maximum(rate, bound), color=NO_BALL, alpha=0.2, linewidth=0, label=label)
    for limit in metrics.FPR_LIMITS:
        if limit > left:
            axes.axvline(limit, color=INK, linestyle=":", linewidth=1.2)
            found = metrics.recall_at_fpr(points, limit)
            axes.text(
                limit * 1.08, 0.03, f"{found:.1%} at {plots.percent(limit)}", fontsize=11, rotation=90, va="bottom"
            )
    shown = max(numbers["false_positive_rate"], left)
    label = f"threshold {numbers['threshold']:.4g}"
    axes.plot(shown, numbers["recall"], "o", color=ACCENT, markersize=10, zorder=5, label=label, clip_on=False)
    axes.set(xlim=(left, 1), ylim=(0, 1.03), ylabel="recall: fraction of the balls found")
    axes.set_xlabel(f"false positive rate (left edge: 0 of {points.negatives:.0f})")
    plots.plain_log_axis(axes.xaxis)
    axes.xaxis.set_major_formatter(lambda value, _: plots.percent(value))
    axes.legend(loc="center right")  # above the labels with the recall at each limit


def score_histogram(path: Path, scored: Scored) -> None:
    """Draws the distribution of the scores with and without a ball, on a logarithmic axis, with the threshold."""
    labels, scores, found, threshold = scored.balls, scored.scores, scored.found, scored.threshold
    with plots.figure(path) as drawing:
        axes = drawing.subplots()
        bins = np.linspace(0, 1, 41)
        for members, colour, what in ((~labels, NO_BALL, "no ball"), (labels, BALL, "ball")):
            counts, _ = np.histogram(scores[members], bins)
            label = f"{what} ({members.sum()})"
            axes.stairs(counts, bins, fill=True, color=colour, alpha=0.55, label=label)
            axes.stairs(counts, bins, color=colour, linewidth=1.2)
        axes.axvline(threshold, color=ACCENT, linestyle="--", label=f"threshold {threshold:.4g}")
        axes.set(xlim=(0, max(1, threshold * 1.02)), xlabel="score", ylabel="patches")
        axes.set_ylim(bottom=0.7)
        plots.plain_log_axis(axes.yaxis)
        where = f" on {scored.name}" if scored.name else ""
        axes.set_title(f"{np.sum(found & ~labels)} false positives, {np.sum(labels & ~found)} missed balls{where}")
        drawing.legend(loc="outside lower center", ncols=3, columnspacing=1.2, handlelength=1.5)


def worst_false_positives(path: Path, scored: Scored) -> None:
    """Draws the false positives with the highest scores."""
    _worst(path, scored, ~scored.balls & scored.found, -scored.scores, "no ball, but detected", "highest")


def worst_false_negatives(path: Path, scored: Scored) -> None:
    """Draws the missed balls with the lowest scores."""
    _worst(path, scored, scored.balls & ~scored.found, scored.scores, "a ball, but missed", "lowest")


def _worst(path: Path, scored: Scored, wrong: np.ndarray, rank: np.ndarray, meaning: str, extreme: str) -> None:
    chosen = np.flatnonzero(wrong)
    chosen = chosen[np.argsort(rank[chosen], kind="stable")]
    shown, recording = chosen[:WORST], scored.patches.recording
    where = f" of {scored.name}" if scored.name else ""
    title = f"{len(chosen)} {'patch' if len(chosen) == 1 else 'patches'}{where}: {meaning}"
    subtitle = f"score and index; threshold {scored.threshold:.4g}"
    if len(chosen) > WORST:
        subtitle = f"the {WORST} with the {extreme} scores; {subtitle}"
    captions = [f"{scored.scores[i]:.3f}  #{i}" for i in shown]
    if recording is not None:
        captions = [f"{text}\n{shortened(str(recording[i]))}" for text, i in zip(captions, shown, strict=True)]
    plots.gallery(path, scored.patches.X[shown], captions, title, subtitle)


def changed(path: Path, patches, answers, chosen: np.ndarray, title: str, subtitle: str) -> None:
    """Draws patches that only one of two models gets right, with the scores of both models below each patch."""
    a, b = (scores[:, 0] for scores in answers)
    captions = [f"{('no ball', 'ball')[int(patches.y[i])]}  #{i}\n{a[i]:.2f} > {b[i]:.2f}" for i in chosen]
    subtitle += "label, index; score of A > score of the other model"
    plots.gallery(path, patches.X[chosen], captions, title, subtitle)


def suspects(path: Path, patches, scores, chosen: np.ndarray, title: str) -> None:
    """Draws patches whose label is probably wrong, with the label, the score, the index and the recording."""
    captions = [
        f"{('no ball', 'ball')[int(patches.y[i])]} {scores[i]:.3f}\n#{i} {shortened(str(patches.recording[i]), 8)}"
        for i in chosen
    ]
    captions = plots.with_pictures(captions, patches, chosen)
    subtitle = "label, score (by a network not trained on the patch), index, recording, picture"
    plots.gallery(path, patches.X[chosen], captions, title, subtitle)
