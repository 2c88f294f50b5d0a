"""Checks the pruner against the definition of successive halving."""

from grid_search.plan import Plan, Run
from grid_search.pruning import Pruner
from grid_search.run_progress import Progress


def pruner(folder, metric="val_loss"):
    return Pruner(Plan("small_training", "grid", folder, "e", metric, {}, ()), active=True)


def run(index, values, metric="val_loss"):
    rows = [{"epoch": i, metric: value} for i, value in enumerate(values, 1)]
    return Progress(Run(index, {}, "", {}), rows=rows, epochs=16)


def test_the_pruner_stops_runs_that_are_behind_but_never_the_first(tmp_path):
    judge = pruner(tmp_path)  # rungs after epochs 1, 2, 4, 8
    assert not judge.behind(run(0, [0.5, 0.4, 0.3, 0.2, 0.1]))
    assert judge.behind(run(1, [0.6]))
    assert not judge.behind(run(2, [0.4]))
    assert judge.behind(run(2, [0.4, 0.39, 0.38, 0.37]))  # good at the first two rungs, bad at the third
    assert not judge.behind(run(2, [0.4, 0.39, 0.38, 0.37]))  # each run is judged once
    judge.remember(1)
    assert pruner(tmp_path).remembers(1)
    assert not pruner(tmp_path).remembers(2)


def test_a_larger_metric_may_be_the_better_one(tmp_path):
    judge = pruner(tmp_path, "val_auroc")
    assert not judge.behind(run(0, [0.9], "val_auroc"))
    assert judge.behind(run(1, [0.8], "val_auroc"))
    assert not judge.behind(run(2, [0.95], "val_auroc"))
