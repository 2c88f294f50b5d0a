"""Tests the command line of a grid, and the plan made from it."""

import pytest

from classifier_cnn.train import parse_args as parse_training
from common.errors import UserError
from grid_search.options import parse_args
from grid_search.plan import arguments, combinations, make_plan

GRID = [
    "classifier_cnn.train", "--augment", "on", "off", "--regularize", "on", "off",
    "--filters", "4 4 4 4", "4 4 8 8", "8 8 16 16", "8 16 32 64", "--dense", "16", "32", "64", "128",
]  # fmt: skip


def plan(*more: str):
    return make_plan(parse_args([*GRID, *more]))


def test_every_combination_of_the_arrays_occurs_once():
    options = parse_args([*GRID, "--jobs", "3", "--epochs", "5", "--", "--dataset", "synthetic"])
    assert (options.jobs, options.rest) == (3, ("--dataset", "synthetic"))
    found = [parse_training(arguments(one, options.rest)) for one in combinations(options)]
    assert len({(one.augment, one.regularize, one.filters, one.dense) for one in found}) == len(found) == 64
    assert {one.epochs for one in found} == {5}
    assert {one.dataset for one in found} == {"synthetic"}


def test_an_option_given_again_replaces_an_array():
    """On the command line, the arrays of a script come before the user's arguments."""
    options = parse_args([*GRID, "--no-augment", "--filters=8", "--dense", "8"])
    assert [arguments(one) for one in combinations(options)] == [
        ["--no-augment", way, "--filters", "8", "--dense", "8"] for way in ("--regularize", "--no-regularize")
    ]


def test_only_values_of_several_numbers_are_split():
    assert arguments({"data-train": "my games/a b.h5", "filters": "4 4 8 8"}) == [
        "--data-train", "my games/a b.h5", "--filters", "4", "4", "8", "8",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "The module to train is missing"),
        (["no_such.train"], "cannot be imported"),
        (["json"], "not a training module"),
        (["classifier_cnn.trian"], "cannot be imported.*did you mean classifier_cnn.train"),
        (["classifier_cnn"], "not a training module.*did you mean classifier_cnn.train"),
        ([*GRID, "--dense", "16", "0"], "--dense takes a whole number.*filters 4 4 4 4, dense 0"),
        ([*GRID, "--filtres", "1"], "unknown argument --filtres, did you mean --filters.*run with augment on, regul"),
        (["classifier_cnn.train", "--filtres", "1"], r"--filtres, did you mean --filters.*every option\)$"),
        ([*GRID, "--dense", "16", "16"], "are the same"),
        ([*GRID, "--filters", "8", "8 8 8 8"], "are the same"),
        ([*GRID, "--resume", "x"], "sets --resume itself"),
        ([*GRID, "--", "--run-name", "x"], "sets --run-name itself"),
        ([*GRID, "--output-dir", "a", "b"], "the same for all"),
        ([*GRID, "--jobs", "0"], "--jobs takes a whole number from 1 to 10000. Received: 0"),
        ([*GRID, "--memory", "0"], "--memory takes a number from 0.1 to 10000. Received: 0.0"),
        ([*GRID, "--seeds", "0"], "--seeds takes a whole number from 1 to 1000"),
        ([*GRID, "--threads", "0"], "at least 1"),
        (["--report", "--dense", "3"], "takes only --output-dir"),
        (["--report", "--seeds", "3"], "takes only --output-dir. Received: seeds"),
    ],
)
def test_bad_input_gives_a_one_line_error(argv, words):
    with pytest.raises(UserError, match=words):
        make_plan(parse_args(argv))


def test_seeds_are_the_array_that_varies_slowest():
    options = parse_args(["m", "--dense", "8", "16", "--seed", "5", "--seeds", "2"])
    assert options.arrays == {"seed": ("5", "6"), "dense": ("8", "16")}
    assert [one["seed"] for one in combinations(options)] == ["5", "5", "6", "6"]


@pytest.mark.parametrize("word", ["--dry-run", "--no-dry-run", "--jobs=3", "--prune", "--report", "--help", "-h"])
def test_an_option_of_the_grid_after_the_dashes_is_refused_before_any_run_is_checked(word):
    with pytest.raises(UserError, match=rf"^{word.split('=')[0]} is an option of the grid.*Write it before `--`"):
        parse_args(["classifier_cnn.train", "--dense", "8", "16", "--", "--dataset", "synthetic", word])


@pytest.mark.parametrize("words", ["--seeds 0", "--seed 1 2 --seeds 2", "--seeds 2 -- --seed 4", "--seed x --seeds 2"])
def test_impossible_seeds_are_refused(words):
    with pytest.raises(UserError, match="--seed"):
        parse_args(["m", *words.split()])
