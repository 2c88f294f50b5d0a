"""Tests the overview of a grid while it runs."""

import pytest

from grid_search.live_view import LiveView, span
from grid_search.plan import Plan, Run
from grid_search.run_progress import Progress


def test_durations_are_readable():
    assert [span(seconds) for seconds in (3.4, 200, 7800)] == ["3 s", "3 min 20 s", "2 h 10 min"]


@pytest.fixture
def runs(tmp_path):
    """Creates an unfinished run, a failed run, and a waiting run."""
    rows = [{"epoch": i, "val_loss": 1 / i, "epoch_seconds": 30.0} for i in (1, 2)]
    return [
        Progress(Run(0, {"dense": "8"}, "a", {}), "running", tmp_path / "run", rows, 4, tries=1, host="here"),
        Progress(Run(1, {"dense": "16"}, "b", {}), "failed", tries=2, reason="bad input: error: no"),
        Progress(Run(2, {"dense": "32"}, "c", {})),
    ]


@pytest.fixture
def view(tmp_path, runs):
    plan = Plan("m", "grid", tmp_path, "e", "val_loss", {"dense": ["8", "16", "32"]}, tuple(one.run for one in runs))
    return LiveView(plan, slots=1)


def test_the_file_lists_every_run_at_any_time(view, runs, tmp_path):
    view.write(runs)
    half_done, failed, waiting, total = (tmp_path / "overview.txt").read_text().splitlines()
    assert half_done.split() == [
        "running",
        "epoch",
        "2/4",
        "val_loss",
        "0.5",
        "1",
        "min",
        "0",
        "s",
        "left",
        "here",
        "000",
        "dense",
        "8",
    ]
    assert failed.split() == ["failed", "001", "dense", "16"]
    assert waiting.split() == ["waiting", "002", "dense", "32"]
    assert total == "3 runs: 1 failed, 1 running, 1 waiting"


def test_events_say_how_a_run_starts_and_ends(view, runs, capsys):
    for run in runs:
        view.started(run)
    for run in runs[:2]:
        view.ended(run)
    said = [line[10:] for line in capsys.readouterr().out.splitlines()]
    assert said[0] == "000 dense 8 resumes after epoch 2 on here"
    assert said[1] == "001 dense 16 starts on  (second try)"
    assert said[2] == "002 dense 32 starts on "
    assert said[4].startswith("001 dense 16 failed after epoch 0, ")
    assert said[4].endswith(": bad input: error: no")


def test_a_log_file_gets_few_lines_and_no_control_characters(view, runs, capsys):
    for _ in range(100):
        view.update(runs)
    view.close(runs)
    assert capsys.readouterr().out == ""
