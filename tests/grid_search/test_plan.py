"""Tests the plan of a grid: its name, its folder, and whether a smaller metric is better."""

import pytest

from common.errors import UserError
from grid_search.options import parse_args
from grid_search.plan import latest_grid, read_plan

from .test_options import plan


def test_the_same_grid_has_the_same_name_wherever_it_is_started(tmp_path):
    first, _ = plan("--output-dir", str(tmp_path))
    again, _ = plan("--jobs", "7", "--prune", "--output-dir", str(tmp_path / "b"), "--data-root", "x", "--offline")
    other, _ = plan("--epochs", "7", "--output-dir", str(tmp_path))
    assert first.name == again.name != other.name
    assert [run.run_name for run in first.runs] == [run.run_name for run in again.runs]
    assert len({run.run_name for run in first.runs}) == 64
    first.folder.mkdir(parents=True)
    first.write()
    assert latest_grid(parse_args(["--report", "--output-dir", str(tmp_path)])) == first.folder
    assert read_plan(first.folder) == first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--output-dir"], "argument --output-dir: expected one argument"),
        (["--output-dir", "--metric", "val_auroc"], "argument --output-dir: expected one argument"),
        (["--output-dir="], "argument --output-dir: takes a path. Received: an empty one"),
    ],
)
def test_report_is_refused_if_output_dir_has_no_value(words, message, capsys):
    with pytest.raises(SystemExit) as ended:
        latest_grid(parse_args(["--report", *words]))
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_folder_without_a_grid_is_reported(tmp_path):
    with pytest.raises(UserError, match="There is no grid"):
        latest_grid(parse_args(["--report", "--output-dir", str(tmp_path)]))
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(UserError, match="There is no grid"):
        read_plan(tmp_path)


def test_smaller_is_better_for_losses_and_errors():
    for metric, lower in (("val_loss", True), ("val_median_center_error_px", True), ("val_auroc", False)):
        assert plan("--metric", metric)[0].lower_is_better is lower
