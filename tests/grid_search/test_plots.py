"""Tests the picture of a grid, and the list of the runs on its Pareto front."""

import numpy as np
from PIL import Image

from grid_search.plan import Plan, Run
from grid_search.plots import draw_grid, front_list


def test_the_front_is_listed_with_the_value_of_every_array(tmp_path):
    plan = Plan("m", "grid", tmp_path, "e", "val_loss", {"filters": ["4 4", "8 8"], "dense": ["8"]}, ())
    front = [{"quality": 0.5, "filters": "4 4", "dense": "8"}, {"quality": 0.25, "filters": "8 8", "dense": "8"}]
    heading, first, second = front_list(plan, front).splitlines()
    assert heading.split() == ["loss", "filters", "dense"]
    assert first.split() == ["1", "0.5", "4", "4", "8"]
    assert second.split() == ["2", "0.25", "8", "8", "8"]


def test_every_cost_and_every_array_has_a_panel(tmp_path):
    """A cost that is known for only one of three runs is not drawn, because a single dot is useless."""
    runs = tuple(Run(i, {"dense": str(8 << i)}, "", {}) for i in range(3))
    plan = Plan("m", "grid", tmp_path, "e", "val_loss", {"dense": ["8", "16", "32"]}, runs)
    rows = [
        {
            "status": "finished",
            "quality": 1 / (i + 2),
            "dense": str(8 << i),
            "parameters": 10 << i,
            "latency_us": 1.0 + i,
        }
        for i in range(3)
    ]
    draw_grid(tmp_path / "all.png", plan, rows)
    draw_grid(tmp_path / "one.png", plan, [row | {"latency_us": 1.0} for row in rows[:1]])
    pictures = [np.asarray(Image.open(tmp_path / name).convert("L")) for name in ("all.png", "one.png")]
    # The first picture has panels for two costs and an array; the second picture has only the panel for the array.
    assert pictures[0].shape[0] > pictures[1].shape[0]
    assert all((picture < 128).any() for picture in pictures)
