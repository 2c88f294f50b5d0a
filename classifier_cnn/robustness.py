"""What worse pictures do to a model at its threshold: light, blur, noise, a shifted patch, each at five strengths."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from classifier_cnn import metrics
from common.runs import corruptions

PANELS = (("recall", "Blues", 1.0, ".1%"), ("false_positive_rate", "Oranges", 0.1, ".1%"))


def measure(predict: Callable, X, labels, threshold: float) -> dict[str, list[dict[str, float]]]:
    """Recall and false positive rate of each kind, one row per strength.

    Args:
        predict: uint8 [n, height, width, channels] -> scores float32 [n, 1].
        X, labels: the patches, see `corruptions.measure`.
        threshold: the one that is shipped.
    """
    labels = np.asarray(labels)

    def judge(chosen, worse, kind, strength):
        numbers = metrics.evaluate(labels[chosen], predict(worse)[:, 0], threshold)
        return {key: numbers[key] for key in ("recall", "false_positive_rate") if key in numbers}

    return corruptions.measure(X, judge)


def weakest(rows: dict[str, list[dict[str, float]]]) -> str:
    """The sentence about the kind that leaves fewest balls at its middle strength."""
    kind = min(rows, key=lambda kind: rows[kind][2].get("recall", 1))
    row = rows[kind][2]
    rate = f", false positives {row['false_positive_rate']:.2%}" if "false_positive_rate" in row else ""
    return f"Most sensitive to {kind} {row['strength']:g}: recall {row.get('recall', 1):.1%}{rate}."


def sheet(folder: Path, result: dict, predict: Callable, patches, threshold: float, name: str = "") -> None:
    """Adds `robustness` and a sentence among the `notes` to the result of `report`, and draws robustness.png."""
    rows = result["robustness"] = measure(predict, patches.X, patches.y, threshold)
    corruptions.draw(Path(folder) / f"{name}{'_' if name else ''}robustness.png", rows, PANELS, name)
    if "recall" in result["metrics"]:
        result["notes"].append(weakest(rows))
