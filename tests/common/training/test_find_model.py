"""A model is found by its file or its run, and its threshold is read, before large packages are imported."""

import json
import os
import subprocess
import sys
import zipfile

import h5py
import pytest

from common.errors import UserError
from common.training.find_model import FALLBACK_THRESHOLD, find_model, read_threshold


@pytest.fixture
def run(tmp_path):
    """Makes a run with a threshold and a model file; the tests check only the file's type."""
    folder = tmp_path / "run"
    folder.mkdir()
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    (folder / "model.json").write_text(json.dumps({"threshold": {"keras": 0.55}}))
    return folder


def test_the_error_for_an_h5_model_says_how_to_convert_it(tmp_path):
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(UserError, match=r"a model from an older Keras.*load_model"):
        find_model(tmp_path / "old.h5")


def test_a_model_without_model_json_gets_a_threshold_of_one_half(run):
    assert read_threshold(run / "three.keras", None)[0] == FALLBACK_THRESHOLD == 0.5  # model.json describes model.keras
    (run / "model.json").unlink()
    assert read_threshold(run / "model.keras", None)[0] == 0.5


@pytest.mark.parametrize(
    "content", ["{", "{}", '{"threshold": 0.5}', '{"threshold": {"keras": null}}', '{"threshold": {"keras": NaN}}']
)
def test_a_model_json_without_a_threshold(tmp_path, content):
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(UserError, match=r"Pass one with --threshold\.$"):
        read_threshold(tmp_path / "model.keras", None)


def test_a_folder_named_model_json_is_an_error(tmp_path):
    (tmp_path / "model.json").mkdir()
    with pytest.raises(UserError, match=r"model\.json cannot be read.*Pass one with --threshold\.$"):
        read_threshold(tmp_path / "model.keras", None)


def test_the_run_of_a_detector_is_called_a_detector(tmp_path):
    (tmp_path / "model.json").write_text('{"project": "detector_cnn_ball_radius_center", "forms": {}}')
    with pytest.raises(UserError, match=r"Received: a detector; use the tools in detector_cnn_ball_radius_center\.$"):
        read_threshold(tmp_path / "model.keras", None)


@pytest.mark.parametrize("value", [-5, 1e30, float("nan"), True, "0.5", None, [], 10**400])
def test_an_impossible_threshold_is_not_used(run, value):
    told = json.loads((run / "model.json").read_text())
    told["threshold"]["keras"] = value
    (run / "model.json").write_text(json.dumps(told))
    with pytest.raises(UserError, match="threshold"):
        read_threshold(run / "model.keras", None)


def test_a_run_and_its_file_are_the_same_model(run):
    assert find_model(run) == find_model(run / "model.keras") == run / "model.keras"
    assert read_threshold(find_model(run), None) == (0.55, "shipped with the model (model.json)")
    for given in (0.0, 0.7):
        assert read_threshold(find_model(run), given) == (given, "from the command line")


@pytest.mark.parametrize("name", ["nowhere.keras", "", "9" * 5000, "folder/" * 900])
def test_a_model_that_does_not_exist_gives_one_line(tmp_path, name):
    with pytest.raises(UserError, match="the model does not exist") as caught:
        find_model(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_pipe_is_not_a_model(tmp_path):
    os.mkfifo(tmp_path / "model.keras")
    for given in (tmp_path, tmp_path / "model.keras"):
        with pytest.raises(UserError, match=r"the model is not a plain file\. Received: .*model\.keras"):
            find_model(given)


@pytest.mark.parametrize("content", [b"", b"\x08\x08", b"PK\3\4 half a zip", b"text" * 100])
def test_a_file_that_is_not_a_zip_is_not_a_model(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(UserError, match=r"not a \.keras file, or an? (damaged|empty) one.*use compare.py"):
        find_model(tmp_path / "model.onnx")


def test_no_heavy_import():
    code = "import sys, common.training.find_model; print({'numpy', 'keras', 'tensorflow', 'h5py'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
