"""A run with --init (fine-tuning) records the initial model's settings, and resumes only from the same model."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from classifier_cnn import train, training
from common.errors import UserError
from common.runs.run_folder import RunFolder

from ...tiny import classification_file

SMALL = ("--dense", "4", "--filters", "2", "--tracking", "local", "--export", "none", "--epochs", "2")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Makes a classifier without dropout; its `mean` is darker than the patches in these tests."""
    from classifier_cnn.model import build_model

    path = tmp_path_factory.mktemp("models") / "first.keras"
    build_model((16, 16, 1), (2, 2, 2, 2), 4, regularize=False, mean=(0.1,)).save(path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("patches")
    train_file, validation = (classification_file(folder / f"{n}.h5", n=n) for n in (90, 60))
    return ["--data-train", str(train_file), "--data-val", str(validation)]


def test_a_model_that_was_replaced_is_noticed_when_its_run_is_resumed(model, files, tmp_path, monkeypatch):
    """The mean is part of the network but not of the checkpoint, so the run would resume with a different mean."""
    from classifier_cnn.model import build_model

    initial = shutil.copy(model, tmp_path / "initial.keras")
    epoch = RunFolder.epoch

    def stopped_by_a_signal(run, number, numbers):
        epoch(run, number, numbers)
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "epoch", stopped_by_a_signal)
        assert train.main([*files, *SMALL, "--init", str(initial), "--output-dir", str(tmp_path)]) == 143
    (folder,) = (path.parent for path in tmp_path.glob("*/model.json"))
    build_model((16, 16, 1), (2, 2, 2, 2), 4, regularize=False, mean=(0.9,)).save(initial)
    with pytest.raises(UserError, match=r"has changed \(init\)"):
        train.main(["--resume", str(folder)])
    initial.unlink()
    with pytest.raises(UserError, match=r"--init takes an existing \.keras file"):
        train.main(["--resume", str(folder)])
    assert train.main(["--resume", str(folder), "--init", str(model)]) == 0  # the same model in a different place
    assert json.loads((folder / "model.json").read_text())["input"]["mean"] == pytest.approx([0.1])


def test_regularize_is_refused_for_a_model_without_dropout(model, files, tmp_path):
    with pytest.raises(UserError, match=r"--regularize.*has none"):
        train.main([*files, *SMALL, "--regularize", "--init", str(model), "--output-dir", str(tmp_path)])
    assert not list(tmp_path.glob("*/config.json"))


def test_the_dropout_of_the_initial_model_is_recorded(files, tmp_path):
    from classifier_cnn.model import build_model
    from classifier_cnn.train import load_data

    build_model((16, 16, 1), (2, 2, 2, 2), 4, regularize=True).save(tmp_path / "initial.keras")
    options = train.parse_args([*files, "--init", str(tmp_path / "initial.keras")])
    _, options = training.build(options, load_data(options))
    assert (options.filters, options.dense, options.regularize) == ((2, 2, 2, 2), 4, True)
