"""Computes the classifier's metrics for the robustness sheet (common/runs/corruptions.py)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from classifier_cnn import metrics
from common.runs import corruptions

PANELS = (
    ("recall", "recall", "Blues", 1.0, "{:.1%}"),
    ("false_positive_rate", "false positive rate", "Oranges", 0.1, "{:.1%}"),
)


def sheet(folder: Path, result: dict, predict: Callable, patches, threshold: float, name: str = "") -> None:
    """Draws robustness.png, stores its metrics in `result["robustness"]`, and adds a sentence to `result["notes"]`.

    `predict` is a function: uint8 [n, height, width, channels] -> scores float32 [n, 1].
    """
    labels = np.asarray(patches.y)

    def judge(chosen, worse, kind, strength):
        return metrics.evaluate(labels[chosen], predict(worse)[:, 0], threshold)

    corruptions.sheet(folder, result, patches.X, judge, PANELS, name)
