"""Measures how worse pictures affect a model at its threshold: light, blur, noise, shifts, with five strengths."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from classifier_cnn import metrics
from common.runs import corruptions

PANELS = (("recall", "Blues", 1.0, ".1%"), ("false_positive_rate", "Oranges", 0.1, ".1%"))


def weakest(rows: dict[str, list[dict[str, float]]]) -> str:
    """A sentence about the kind with the lowest recall at its middle strength."""
    kind = min(rows, key=lambda kind: rows[kind][2].get("recall", 1))
    row = rows[kind][2]
    rate = f", false positives {row['false_positive_rate']:.2%}" if "false_positive_rate" in row else ""
    return f"Most sensitive to {kind} {row['strength']:g}: recall {row.get('recall', 1):.1%}{rate}."


def sheet(folder: Path, result: dict, predict: Callable, patches, threshold: float, name: str = "") -> None:
    """Adds `robustness` and a sentence in `notes` to the result of `report`, and draws robustness.png.

    Args:
        folder, name: as in `report`.
        predict: uint8 [n, height, width, channels] -> scores float32 [n, 1].
        threshold: the chosen threshold.
    """
    labels = np.asarray(patches.y)

    def judge(chosen, worse, kind, strength):
        numbers = metrics.evaluate(labels[chosen], predict(worse)[:, 0], threshold)
        return {key: numbers[key] for key, *_ in PANELS if key in numbers}

    rows = result["robustness"] = corruptions.sheet(folder, patches.X, judge, PANELS, name)
    if "recall" in result["metrics"]:
        result["notes"].append(weakest(rows))
