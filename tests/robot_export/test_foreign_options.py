"""Models are checked before TensorFlow is imported, whether they are runs or exported files."""

import zipfile
from pathlib import Path

import pytest

from common.errors import UserError
from robot_export.foreign_options import check_models


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, which contains `run`, `copy.keras`, `a.onnx` and an empty `b.tflite`."""
    (tmp_path / "run").mkdir()
    for name in ("run/model.keras", "copy.keras"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("config.json", "{}")
    (tmp_path / "a.onnx").write_bytes(b"x")
    (tmp_path / "b.tflite").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["run", "nowhere"], "the model does not exist. Received: nowhere"),
        (["run", "nowhere.onnx"], "There is no such file. Received: nowhere.onnx"),
        (["nowhere.h"], "the model does not exist. Received: nowhere.h"),
        (["b.tflite"], "This file is empty. Received: b.tflite"),
        (["run", "run/model.keras"], "is given twice. Received: run/model.keras and run/model.keras"),
        (["a.onnx", "run", "a.onnx"], "is given twice. Received: a.onnx and a.onnx"),
    ],
)
def test_a_missing_an_empty_and_a_repeated_model_are_refused(folder, names, said):
    with pytest.raises(UserError) as refused:
        check_models(map(Path, names))
    assert said in str(refused.value)


def test_exported_files_keras_files_and_runs_are_accepted(folder):
    check_models(folder / name for name in ("run", "copy.keras", "a.onnx"))
