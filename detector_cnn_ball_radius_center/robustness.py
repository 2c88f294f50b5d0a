"""Computes the detector's metrics for the robustness sheet (common/runs/corruptions.py)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.runs import corruptions
from detector_cnn_ball_radius_center import metrics

PANELS = (
    ("mean_iou", "mean IoU", "Blues", 1.0, "{:.2f}"),
    ("median_center_error_px", "median centre error", "Oranges", 2.0, "{:.2f} px"),
)


def sheet(folder: Path, result: dict, predict: Callable, patches, name: str = "") -> None:
    """Draws robustness.png, stores its metrics in `result["robustness"]`, and adds a sentence to `result["notes"]`.

    A shift or zoom also moves the true circles. `predict` is a function: uint8 [n, h, w, channels] -> float32 [n, 3].
    """
    y, width = np.asarray(patches.y), patches.X.shape[2]

    def judge(chosen, worse, kind, strength):
        return metrics.evaluate(move(y[chosen], kind, strength, width), predict(worse), width)

    corruptions.sheet(folder, result, patches.X, judge, PANELS, name)


def move(circles: np.ndarray, kind: str, strength: float, width: int) -> np.ndarray:
    """Returns the positions of the circles, [n, 3], in the corrupted patches; `width` is a patch's width in pixels."""
    scale, shift, _ = corruptions.SAMPLING.get(kind, lambda _: (1, 0, 0))(strength)
    return np.concatenate([circles[:, :1] / scale, 0.5 + (circles[:, 1:] - 0.5 - shift / width) / scale], 1)
