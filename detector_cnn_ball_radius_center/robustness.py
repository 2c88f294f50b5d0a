"""Measures how worse pictures affect the circles: light, blur, noise, shifts, with five strengths."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.runs import corruptions
from detector_cnn_ball_radius_center import metrics

PANELS = (("mean_iou", "Blues", 1.0, ".2f"), ("median_center_error_px", "Oranges", 2.0, ".2f"))


def weakest(rows: dict[str, list[dict[str, float]]]) -> str:
    """A sentence about the kind with the lowest overlap at its middle strength."""
    kind = min(rows, key=lambda kind: rows[kind][2]["mean_iou"])
    row = rows[kind][2]
    numbers = f"mean IoU {row['mean_iou']:.2f}, median centre error {row['median_center_error_px']:.2f} px"
    return f"Most sensitive to {kind} {row['strength']:g}: {numbers}."


def sheet(folder: Path, result: dict, predict: Callable, patches, name: str = "") -> None:
    """Adds `robustness` and a sentence in `notes` to the result of `report`, and draws robustness.png.

    A shift or zoom also moves the true circles.

    Args:
        folder, name: as in `report`.
        predict: uint8 [n, height, width, channels] -> circles float32 [n, 3].
    """
    y, width = np.asarray(patches.y), patches.X.shape[2]

    def judge(chosen, worse, kind, strength):
        numbers = metrics.evaluate(corruptions.move(y[chosen], kind, strength, width), predict(worse), width)
        return {key: numbers[key] for key, *_ in PANELS}

    rows = result["robustness"] = corruptions.sheet(folder, patches.X, judge, PANELS, name)
    result["notes"] = [weakest(rows)]
