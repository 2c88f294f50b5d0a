"""Checks, without training, which patches the benchmark robot_targets.py reads and what it counts."""

import sys

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from ..tiny import ROOT


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield __import__("robot_targets")
    for name in ("robot_targets", "another_venue", "cross_validation"):
        sys.modules.pop(name, None)


def test_robots_are_read_where_they_are_labelled_and_counted_at_every_threshold(benchmark, tmp_path):
    logs = {
        "hall_1": [{"robot_intersect": 0.41}, {"robot_intersect": 0.4}, {"ball_intersect": 0.9}, {}],
        "yard_1": [{"penalty_intersect": 0.9}, {"ball_intersect": 0.9, "robot_intersect": 0.0}],
    }
    logs["hall_1"].append({"ball_intersect": 0.9, "robot_intersect": 0.9})  # ambiguous, so it is left out
    for log, patches in logs.items():
        (tmp_path / "top" / log).mkdir(parents=True)
        for i, overlaps in enumerate(patches):
            text = PngImagePlugin.PngInfo()
            for key, value in ({"p_max_x": 20, "p_max_y": 20} | overlaps).items():
                text.add_text(key, str(value))
            Image.new("RGB", (20, 20), (10 * i, 0, 0)).save(tmp_path / "top" / log / f"{i}.png", pnginfo=text)
    found = benchmark.read(tmp_path)
    assert found.X.shape == (6, 16, 16, 1)
    assert found.y.tolist() == [[0, 1, 1], [0, 0, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0], [1, 0, 0]]
    scores = np.float32([0.6, 0.1, 0.5, 0.2, 0.7, 0.8])
    numbers = benchmark.measure(found, scores, 0.65)
    assert [numbers[f"robots_at_{where}"] for where in ("recall_0.9", "fpr_0.01", "threshold")] == [1, 0, 0]
    assert (numbers["recall"], numbers["recall_at_fpr_0.01"]) == (0.5, 0.5)
    assert benchmark.measure(found, scores, 0.55)["robots_at_threshold"] == 1
