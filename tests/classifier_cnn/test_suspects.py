import csv
import re

import numpy as np
import pytest

from classifier_cnn import find_suspects, suspects
from common.cli.program import run_main
from common.datasets.patch_file import read_patches
from dataset_tools.building.patch_writer import write_patches

from ..tiny import classification_file

FEW = ("--folds", "2", "--epochs", "100", "--filters", "4", "--dense", "8")


def run(*arguments):
    try:
        return run_main(lambda: suspects.main([str(argument) for argument in arguments]))
    except SystemExit as error:
        return error.code


def rows_of(folder):
    with (folder / "suspects.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_planted_wrong_labels_are_found_and_the_right_class_is_named(tmp_path, capsys):
    patches = read_patches(classification_file(tmp_path / "good.h5", 400), "classification")
    y, planted = patches.y.copy(), [7, 120, 121, 300]
    y[planted] = 1 - y[planted]
    write_patches(tmp_path / "planted.h5", patches.X, y, recording=patches.recording, camera=patches.camera)
    assert run(tmp_path / "planted.h5", *FEW, "--output-dir", tmp_path / "out") == 0
    rows = rows_of(tmp_path / "out")
    assert {int(row["index"]) for row in rows} >= set(planted)
    assert len(rows) < 20
    for row in rows:
        assert (row["label_given"], row["label"]) == (
            ("no ball", "ball") if y[int(row["index"])] == 0 else ("ball", "no ball")
        )
        assert row["recording"] == patches.recording[int(row["index"])]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"suspects.csv", "suspects.png"}
    out = capsys.readouterr().out
    assert f"{len(rows)} of 400 labels are suspicious" in out
    assert re.search(r"--relabel \S+suspects\.csv .*\n  --drop +\S+suspects\.csv ", out)


def test_copies_are_on_the_sheet_but_not_in_the_list(tmp_path, monkeypatch, capsys):
    patches = read_patches(classification_file(tmp_path / "good.h5", 100), "classification")
    X = patches.X.copy()
    X[6] = X[3]  # both are balls
    write_patches(tmp_path / "copies.h5", X, patches.y, recording=patches.recording)
    scores = np.where(np.isin(np.arange(100), (3, 6, 9)), 1 - patches.y, patches.y).astype(np.float32)
    monkeypatch.setattr(find_suspects, "answers_by_fold", lambda *_: scores[:, None])
    assert run(tmp_path / "copies.h5", "--output-dir", tmp_path / "out") == 0
    assert [row["index"] for row in rows_of(tmp_path / "out")] == ["9"]
    assert "they are copies of other patches: 2" in capsys.readouterr().out


def _one_class(path):
    write_patches(path, np.zeros((4, 16, 16, 1), np.uint8), np.zeros(4, np.uint8), recording=list("aabb"))


def _one_recording(path):
    write_patches(path, np.zeros((4, 16, 16, 1), np.uint8), np.arange(4) % 2, recording=list("aaaa"))


def _no_recordings(path):
    write_patches(path, np.zeros((4, 16, 16, 1), np.uint8), np.arange(4) % 2)


def _one_class_left(path):
    write_patches(path, np.zeros((4, 16, 16, 1), np.uint8), np.array([0, 0, 1, 1]), recording=list("aabb"))


def _circles(path):
    write_patches(path, np.zeros((4, 16, 16, 1), np.uint8), np.full((4, 3), 0.5, np.float32), recording=list("aabb"))


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (_one_class, (), "one class"),
        (_one_recording, (), "at least two recordings. Received: 1"),
        (_no_recordings, (), "Received: no recording names"),
        (_one_class_left, (), "only one class is left"),
        (_circles, (), "detection file"),
        (lambda path: path.touch(), (), "This file is empty."),
        (lambda path: None, (), "patches.h5"),
        (classification_file, ("--folds", "1"), "--folds"),
        (classification_file, ("--filters", "4", "8"), "--filters"),
        (classification_file, ("--what",), "--what"),
    ],
)
def test_bad_input_gives_one_line_and_status_2(make, arguments, message, tmp_path, capsys):
    make(tmp_path / "patches.h5")
    assert run(tmp_path / "patches.h5", *arguments, "--output-dir", tmp_path / "out") == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert not captured.out
    assert not (tmp_path / "out").exists()


def test_outputs_that_are_nan_are_refused(tmp_path, monkeypatch, capsys):
    def nothing(model):
        return lambda X: np.full((len(X), 1), np.nan, np.float32)

    monkeypatch.setattr("dataset_tools.suspects.folds_and_list.make_predictor", nothing)
    file = classification_file(tmp_path / "patches.h5", 100)
    assert run(file, "--folds", "2", "--epochs", "1", "--filters", "4", "--output-dir", tmp_path / "out") == 2
    assert "NaN or infinite. Received: 100 of 100" in capsys.readouterr().err
