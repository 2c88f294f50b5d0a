"""Checks that a grid with seeds has one row per setting, and that Tukey's test has the right error rate."""

import json
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from grid_search import seeds
from grid_search.plan import Plan, Run
from grid_search.report import write_report
from grid_search.run_progress import Progress

LOSSES = {("8", "0"): 0.30, ("16", "0"): 0.21, ("32", "0"): 0.20} | {
    ("8", "1"): 0.32, ("16", "1"): 0.20, ("32", "1"): 0.21,
}  # fmt: skip


def grid(folder, losses):
    """Creates a grid with the arrays --dense and --seed, and the folders of its runs in `folder`."""
    place = folder / "grid_small_training_12345678"
    place.mkdir(parents=True)
    runs = []
    for i, ((dense, seed), loss) in enumerate(losses.items()):
        runs.append(Run(i, {"seed": seed, "dense": dense}, f"12345678-{i:03}", {}))
        run = folder / f"20260101-000000_d{dense}-12345678-{i:03}"
        run.mkdir()
        (run / "config.json").write_text('{"options": {"epochs": 1}}')
        (run / "metrics.csv").write_text(f"epoch,val_loss\n1,{loss}\n")
        cost = {"parameters": 10 * int(dense), "multiply_accumulates": 20 * int(dense)}
        (run / "model.json").write_text(json.dumps({"status": "finished", "cost": cost}))
    varies = {name: list(dict.fromkeys(one.varies[name] for one in runs)) for name in ("seed", "dense")}
    varies = {name: values for name, values in varies.items() if len(values) > 1}
    return Plan("small_training", place.name, place, "e", "val_loss", varies, tuple(runs))


def ended(plan, **others):
    """Returns the progress of a plan's runs; all are finished, except for those whose status is given."""
    runs = [Progress.on_disk(plan, run) for run in plan.runs]
    return [replace(run, status=others.get(f"run_{run.run.index}", "finished")) for run in runs]


def test_settings_are_ranked_by_their_mean_and_ties_are_marked(tmp_path):
    plan = grid(tmp_path, LOSSES)
    said = write_report(plan, ended(plan))
    ranking = (plan.folder / "ranking.txt").read_text().splitlines()
    assert [line.split()[0] for line in ranking[1:]] == ["1", "=2", "3"]
    assert [line.split()[-1] for line in ranking[1:]] == ["16", "32", "8"]
    assert ranking[1].split()[1] == "0.205"
    assert "Worse than the best: 1 of 3 settings; maybe as good (marked =): 1." in said
    page = (plan.folder / "report.html").read_text()
    assert "Worse than the best" in page
    assert "data:image/png;base64," in page
    assert len((plan.folder / "grid.csv").read_text().splitlines()) == 7  # every run


def test_a_setting_with_an_unfinished_seed_comes_last(tmp_path):
    plan = grid(tmp_path, LOSSES)
    write_report(plan, ended(plan, run_1="pruned"))
    ranking = (plan.folder / "ranking.txt").read_text().splitlines()
    assert [line.split()[-1] for line in ranking[1:]] == ["32", "8", "16"]
    assert "1 of 2" in ranking[3]


def test_the_report_says_that_there_is_only_one_seed(tmp_path):
    plan = grid(tmp_path, {key: loss for key, loss in LOSSES.items() if key[1] == "0"})
    assert "with one seed" in write_report(plan)


def test_equally_good_settings_are_told_apart_in_five_percent_of_grids(monkeypatch):
    slow = SimpleNamespace(ppf=cache(seeds.studentized_range.ppf))
    monkeypatch.setattr(seeds, "studentized_range", slow)
    random, wrong = np.random.default_rng(0), 0
    for _ in range(2000):
        table = random.normal(size=(5, 3)) + random.normal(size=3) * 10  # some seeds are easier for all settings
        wrong += np.ptp(table.mean(1)) > seeds.smallest_real_difference(table)
    assert wrong / 2000 == pytest.approx(0.05, abs=0.015)


def test_hundreds_of_runs_fit_on_a_page(tmp_path):
    plan = grid(tmp_path, {(str(d), str(s)): 0.1 + d / 1e4 for d in range(1, 151) for s in range(2)})
    write_report(plan, ended(plan))
    assert (plan.folder / "report.html").stat().st_size < 3_000_000
