"""Tests the report of a grid."""

import json

from grid_search.plan import Plan, Run
from grid_search.report import write_report


def test_a_grid_of_one_run_has_a_report_too(tmp_path):
    """The user has replaced every array of a script with a single value."""
    run = Run(0, {}, "12345678-000_training", {})
    folder = tmp_path / "grid_small_training_12345678"
    plan = Plan("small_training", folder.name, folder, "e", "val_loss", {}, (run,))
    run = tmp_path / "20260101-000000_12345678-000_training"
    run.mkdir()
    folder.mkdir()
    (run / "config.json").write_text(json.dumps({"options": {"epochs": 1}}))
    (run / "metrics.csv").write_text("epoch,val_loss\n1,0.5\n")
    cost = {"parameters": 10, "multiply_accumulates": 20}
    (run / "model.json").write_text(json.dumps({"status": "finished", "cost": cost}))
    assert "20 MACs  val_loss 0.5" in write_report(plan)
    assert (folder / "grid.png").exists()
