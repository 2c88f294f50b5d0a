"""The command line of a grid, and the plan made from it."""

import pytest

from classifier_cnn.train import parse_args as parse_training
from common.errors import UserError
from grid_search.options import parse_args
from grid_search.plan import arguments, combinations, latest_plan, make_plan, read_plan

GRID = [
    "classifier_cnn.train", "--augment", "on", "off", "--regularize", "on", "off",
    "--filters", "4 4 4 4", "4 4 8 8", "8 8 16 16", "8 16 32 64", "--dense", "16", "32", "64", "128",
]  # fmt: skip


def plan(*more: str):
    return make_plan(parse_args([*GRID, *more]))


def test_arrays_become_every_combination_once():
    options = parse_args([*GRID, "--jobs", "3", "--epochs", "5", "--", "--dataset", "synthetic"])
    assert (options.jobs, options.rest) == (3, ("--dataset", "synthetic"))
    found = [parse_training(arguments(one, options.rest)) for one in combinations(options)]
    assert len({(one.augment, one.regularize, one.filters, one.dense) for one in found}) == len(found) == 64
    assert {one.epochs for one in found} == {5}
    assert {one.dataset for one in found} == {"synthetic"}


def test_an_option_given_again_replaces_an_array():
    """The arrays of a script come first, followed by the user's arguments."""
    options = parse_args([*GRID, "--no-augment", "--filters=8", "--dense", "8"])
    assert [arguments(one) for one in combinations(options)] == [
        ["--no-augment", way, "--filters", "8", "--dense", "8"] for way in ("--regularize", "--no-regularize")
    ]


def test_only_several_numbers_are_split():
    assert arguments({"data-train": "my games/a b.h5", "filters": "4 4 8 8"}) == [
        "--data-train", "my games/a b.h5", "--filters", "4", "4", "8", "8",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "Which project"),
        (["no_such.train"], "cannot be imported"),
        (["json"], "not a training module"),
        ([*GRID, "--dense", "16", "0"], "--dense takes a whole number.*filters 4 4 4 4, dense 0"),
        ([*GRID, "--filtres", "1"], "unknown argument --filtres, did you mean --filters"),
        ([*GRID, "--dense", "16", "16"], "are the same"),
        ([*GRID, "--filters", "8", "8 8 8 8"], "are the same"),
        ([*GRID, "--resume", "x"], "decides --resume itself"),
        ([*GRID, "--", "--run-name", "x"], "decides --resume, --run-name"),
        ([*GRID, "--output-dir", "a", "b"], "the same for all"),
        ([*GRID, "--jobs", "0"], "--jobs lies between"),
        ([*GRID, "--threads", "0"], "at least one"),
        (["--report", "--dense", "3"], "--output-dir alone"),
    ],
)
def test_bad_input_is_one_line(argv, words):
    with pytest.raises(UserError, match=words):
        make_plan(parse_args(argv))


def test_the_same_grid_has_the_same_name_wherever_it_is_started(tmp_path):
    first, _ = plan("--output-dir", str(tmp_path))
    again, _ = plan("--jobs", "7", "--prune", "--output-dir", str(tmp_path / "b"), "--data-root", "x", "--offline")
    other, _ = plan("--epochs", "7", "--output-dir", str(tmp_path))
    assert first.name == again.name != other.name
    assert [run.run_name for run in first.runs] == [run.run_name for run in again.runs]
    assert len({run.run_name for run in first.runs}) == 64
    first.folder.mkdir(parents=True)
    first.write()
    assert read_plan(first.folder) == latest_plan(tmp_path) == first


def test_a_folder_without_a_grid_is_reported(tmp_path):
    with pytest.raises(UserError, match="There is no grid"):
        latest_plan(tmp_path)
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(UserError, match="There is no grid"):
        read_plan(tmp_path)


def test_smaller_is_better_for_losses_and_errors():
    for metric, lower in (("val_loss", True), ("val_median_center_error_px", True), ("val_auroc", False)):
        assert plan("--metric", metric)[0].lower_is_better is lower
