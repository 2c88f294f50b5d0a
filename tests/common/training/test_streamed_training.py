"""Tests `--stream` in both projects, from the command line to the files: stop, resume, evaluate and export."""

import importlib
import json
import signal

import keras
import numpy as np
import pytest

from common.datasets import streaming
from common.training import batches

from ...tiny import classification_file, detection_file

PROJECTS = {"classifier_cnn": classification_file, "detector_cnn_ball_radius_center": detection_file}
SMALL = ("--filters", "2", "--dense", "4", "--batch-size", "50", "--tracking", "local", "--epochs", "3")


@pytest.mark.parametrize("project", PROJECTS)
def test_a_streamed_run_resumes_and_is_evaluated_and_exported_like_any_other(project, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "NEIGHBOURS", 20)
    monkeypatch.setattr(streaming, "SHUFFLED", 100)
    train = importlib.import_module(f"{project}.train")
    parts = [PROJECTS[project](tmp_path / f"{name}.h5", n=230, seed=i) for i, name in enumerate("abcd")]
    data = ("--data-train", parts[0], parts[1], "--data-val", parts[2], "--data-test", parts[3])
    arguments = [str(value) for value in (*data, *SMALL)]

    def run(name, *more):
        assert train.main([*arguments, *more, "--output-dir", str(tmp_path / name)]) in (0, 128 + signal.SIGTERM)
        return next((tmp_path / name).glob("*/config.json")).parent

    whole = run("whole", "--stream", "--export", "all")
    with monkeypatch.context() as patch:
        epoch = importlib.import_module("common.runs.run_folder").RunFolder.epoch

        def stop_after_the_first(self, number, numbers):
            epoch(self, number, numbers)
            signal.raise_signal(signal.SIGTERM)

        patch.setattr("common.runs.run_folder.RunFolder.epoch", stop_after_the_first)
        parted = run("parted", "--stream", "--export", "none")
    assert json.loads((parted / "model.json").read_text())["status"] == "killed"
    assert train.main(["--resume", str(parted)]) == 0
    memory = run("memory", "--export", "none")

    told = {folder: json.loads((folder / "model.json").read_text()) for folder in (whole, parted, memory)}
    assert told[whole]["datasets"] == told[memory]["datasets"]
    assert told[whole]["input"] == told[memory]["input"]
    assert told[whole]["metrics"] == told[parted]["metrics"] != told[memory]["metrics"]
    assert told[whole]["forms"]["cpp"]["parity"]["patches"] == 230
    assert told[whole]["options"]["stream"] is True
    one, other = (keras.models.load_model(folder / "model.keras").get_weights() for folder in (whole, parted))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_stream_needs_a_validation_file(tmp_path, capsys):
    from classifier_cnn import train
    from common.errors import UserError

    file = classification_file(tmp_path / "a.h5")
    with pytest.raises(UserError, match=r"--stream needs a validation file\. Pass one with --data-val"):
        train.main(["--data-train", str(file), "--stream", "--tracking", "local", "--output-dir", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
