"""Tests the detector's robustness sheet."""

import numpy as np
import pytest

from common.runs import corruptions
from detector_cnn_ball_radius_center import robustness


def test_the_sheet_moves_the_true_circles_and_names_the_worst_corruption(tmp_path):
    """A detector that finds the centre of bright pixels follows a shift, but is wrong if half of the ball is hidden."""
    rows, columns = np.mgrid[:16, :16] + 0.5
    ball = np.hypot(columns - 8, rows - 8) < 4
    X = np.repeat(np.where(ball, 250, 0).astype(np.uint8)[None, ..., None], 20, 0)

    class Patches:
        pass

    def predict(X):
        bright = np.where(X[..., 0] > 100, X[..., 0], 0).astype(float)
        total = np.maximum(bright.sum((1, 2)), 1)
        x, y = (bright * columns).sum((1, 2)) / total, (bright * rows).sum((1, 2)) / total
        return np.stack([np.full(len(X), 0.25), x / 16, y / 16], 1).astype(np.float32)

    patches, result = Patches(), {"metrics": {}}
    patches.X, patches.y = X, np.repeat([[0.25, 0.5, 0.5]], 20, 0)
    robustness.sheet(tmp_path, result, predict, patches, "test")
    found = result["robustness"]
    assert max(row["median_center_error_px"] for row in found["shift, px"]) < 0.3
    assert found["hidden, share of the width"][4]["median_center_error_px"] > 1
    assert found["hidden, share of the width"][4]["mean_iou"] < found["darker, grey levels"][0]["mean_iou"]
    assert (tmp_path / "test_robustness.png").stat().st_size > 10_000
    assert result["notes"][0].startswith("Worst corruption of medium strength: ")


@pytest.mark.parametrize("kind", ["shift, px", "larger, factor", "smaller, factor", "noise, grey levels"])
def test_circles_move_with_what_the_patch_shows(kind):
    rows, columns = np.mgrid[:32, :32] + 0.5
    circle = np.array([[0.2, 0.4, 0.55]])
    X = np.where(np.hypot(columns - 0.4 * 32, rows - 0.55 * 32) < 0.2 * 32, 250, 0).astype(np.uint8)[None, ..., None]
    strength = corruptions.STRENGTHS[kind][3]
    shown = corruptions.corrupt(X, kind, strength)[0, ..., 0].astype(float)
    shown[shown < 60] = 0  # the noise
    radius, x, y = robustness.move(circle, kind, strength, 32)[0] * 32
    assert (shown * columns).sum() / shown.sum() == pytest.approx(x, abs=0.2)
    assert (shown * rows).sum() / shown.sum() == pytest.approx(y, abs=0.2)
    assert (shown.sum() / 250 / np.pi) ** 0.5 == pytest.approx(radius, rel=0.06)
