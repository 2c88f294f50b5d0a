"""Tests the classifier's robustness sheet."""

import numpy as np

from classifier_cnn import robustness


def test_the_sheet_uses_the_threshold_and_names_the_worst_corruption(tmp_path):
    X = np.repeat(np.array([200, 60], np.uint8), 30)[:, None, None, None] * np.ones((1, 16, 16, 1), np.uint8)
    y = np.repeat([1.0, 0.0], 30)

    class Lot:
        pass

    lot, result = Lot(), {"metrics": {"recall": 1.0}, "notes": []}
    lot.X, lot.y = X, y
    robustness.sheet(tmp_path, result, lambda X: X.mean((1, 2, 3))[:, None] / 255, lot, 150 / 255, "test")
    darker = result["robustness"]["darker, grey levels"]
    assert [row["recall"] for row in darker] == [1, 1, 1, 0, 0]  # 200 - 45 is above 150, 200 - 60 is not
    assert result["robustness"]["brighter, grey levels"][4]["false_positive_rate"] == 0  # 60 + 80 is below 150
    assert "colour cast, grey levels" not in result["robustness"]  # only one channel
    assert (tmp_path / "test_robustness.png").stat().st_size > 10_000
    assert result["notes"][0].startswith("Worst corruption of medium strength: ")
