"""The ranking, the Pareto front and the pruner are checked against their definitions."""

import json

from hypothesis import given
from hypothesis import strategies as st

from grid_search.live_view import span
from grid_search.plan import Plan, Run
from grid_search.pruning import Pruner
from grid_search.ranking import pareto_front, ranking, row
from grid_search.report import write_report
from grid_search.run_folders import State

POINTS = st.lists(st.fixed_dictionaries({"cost": st.integers(1, 9), "quality": st.integers(1, 9)}), min_size=1)


@given(POINTS, st.booleans())
def test_nothing_beats_the_front_and_the_front_beats_the_rest(rows, lower):
    def beats(a, b):
        better = a["quality"] <= b["quality"] if lower else a["quality"] >= b["quality"]
        return better and a["cost"] <= b["cost"] and (a["quality"], a["cost"]) != (b["quality"], b["cost"])

    front = pareto_front(rows, "cost", lower)
    assert front
    assert not any(beats(a, b) for a in rows for b in front)
    assert all(any(beats(a, b) or a["quality"] == b["quality"] for a in front) for b in rows)


def test_a_grid_of_one_run_has_a_report_too(tmp_path):
    """Every array of a script is replaced by a single value."""
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


def pruner(folder, metric="val_loss"):
    return Pruner(Plan("small_training", "grid", folder, "e", metric, {}, ()), active=True)


def state(values, metric="val_loss"):
    return State(rows=[{"epoch": i, metric: value} for i, value in enumerate(values, 1)], epochs=16)


def test_the_pruner_stops_runs_that_are_behind_but_never_the_first(tmp_path):
    judge = pruner(tmp_path)  # rungs after epochs 1, 2, 4, 8
    assert not judge.behind(0, state([0.5, 0.4, 0.3, 0.2, 0.1]))
    assert judge.behind(1, state([0.6]))
    assert not judge.behind(2, state([0.4]))
    assert judge.behind(2, state([0.4, 0.39, 0.38, 0.37]))  # good at the first two rungs, behind at the third
    assert not judge.behind(2, state([0.4, 0.39, 0.38, 0.37]))  # each run is judged once
    judge.remember(1)
    assert pruner(tmp_path).remembers(1)
    assert not pruner(tmp_path).remembers(2)


def test_a_larger_metric_may_be_the_better_one(tmp_path):
    judge = pruner(tmp_path, "val_auroc")
    assert not judge.behind(0, state([0.9], "val_auroc"))
    assert judge.behind(1, state([0.8], "val_auroc"))
    assert not judge.behind(2, state([0.95], "val_auroc"))


def test_durations_are_readable():
    assert [span(seconds) for seconds in (3.4, 200, 7800)] == ["3 s", "3 min 20 s", "2 h 10 min"]


def test_the_table_marks_rejected_formats(tmp_path):
    folder = tmp_path / "grid_small_training_12345678"
    one = Run(0, {"seed": "1"}, "seed-1 12345678-000", {})
    plan = Plan("small_training", folder.name, folder, "e", "val_loss", {}, (one,))
    run = tmp_path / "20260101-000000_seed-1-12345678-000"
    run.mkdir()
    (run / "config.json").write_text('{"options": {"epochs": 1}}')
    (run / "metrics.csv").write_text("epoch,val_loss\n1,0.5\n")
    (run / "model.json").write_text(
        '{"forms": {"int8": {"fit": false}, "float32": {"fit": true}, "cpp": {"fit": null}}}'
    )
    assert ranking(plan, [row(plan, one)])[1].endswith("seed 1  REJECTED: int8")
