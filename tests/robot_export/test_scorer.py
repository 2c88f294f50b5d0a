"""Checks that any exported file can replace model.keras, and that only generated headers are compiled."""

import json
import shutil

import numpy as np
import onnx
import pytest

from classifier_cnn import compare
from common.cli.program import run_main
from common.errors import UserError
from dataset_tools.building.patch_writer import write_patches
from robot_export.foreign_options import Foreign
from robot_export.scorer import open_scorer

from .jobs import edit, replace_file, with_code
from .models import patches

FILES = {"model.h": "cpp", "model_keras2.h5": "h5", "model_int16.h": "int16"}


def score(path):
    return open_scorer(path, (1,), Foreign())


def test_a_run_is_compared_with_its_own_headers_and_keras_2_file(classifier, tmp_path):
    (delivered, _, shipped), X = classifier, patches(6, 200, (16, 16, 1))
    recording = [f"game{i // 10}" for i in range(200)]
    write_patches(tmp_path / "p.h5", X, (np.arange(200) % 2).astype(np.uint8)[:, None], recording=recording)
    given = [delivered, *(delivered / file for file in FILES), tmp_path / "p.h5", "--output-dir", tmp_path / "out"]
    assert run_main(lambda: compare.main(list(map(str, given)))) == 0
    told = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [model["threshold"] for model in told["models"][1:]] == [shipped.threshold[name] for name in FILES.values()]
    scores = np.genfromtxt(tmp_path / "out" / "scores.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    for letter, most in (("B", 1e-4), ("C", 1e-4), ("D", 0.01)):
        difference = np.abs(scores[f"{letter}_score"] - scores["A_score"]).max()
        assert difference < most, letter
        assert told["against_A"][letter]["sentence"].startswith("no difference shown")


def test_a_header_with_other_code_is_not_run(folder, tmp_path):
    replace_file(folder, "cpp", with_code(folder, tmp_path / "ran"))
    with pytest.raises(
        UserError,
        match=r"model.h: not compiled, because it may contain foreign code: the header that this version generates",
    ):
        score(folder / "model.h")
    assert not (tmp_path / "ran").exists()


def test_a_header_under_the_name_of_another_format_is_not_run(folder, tmp_path):
    replace_file(folder, "onnx", with_code(folder, tmp_path / "ran"), runtime="C++")
    with pytest.raises(UserError, match=r"model.onnx: not compiled, because it may contain foreign code"):
        score(folder / "model.onnx")
    assert not (tmp_path / "ran").exists()


def test_weights_beside_a_listed_file_are_not_read(folder):
    """model.json has only the hash of model.onnx, so weights in another file are untrusted."""
    model = onnx.load_from_string((folder / "model.onnx").read_bytes())
    tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    (folder / "weights").write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights")
    replace_file(folder, "onnx", model.SerializeToString())
    with pytest.raises(UserError, match=r"model\.onnx"):
        score(folder / "model.onnx")


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_changed_since_its_export_is_refused(folder, file):
    with (folder / file).open("ab") as opened:
        opened.write(b" ")
    with pytest.raises(UserError, match=f"{file} has changed since it was exported"):
        score(folder / file)


@pytest.mark.parametrize("file", ["model.h", "model_keras2.h5"])
def test_without_model_json_a_header_or_a_keras_2_file_is_refused(folder, file):
    (folder / "model.json").unlink()
    with pytest.raises(UserError, match=r"not a \.keras file"):
        score(folder / file)


def test_without_a_compiler_a_header_is_an_error(folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(UserError, match="no C\\+\\+ compiler is installed"):
        score(folder / "model.h")


def test_a_file_without_a_threshold_is_refused(folder):
    edit(folder, lambda values: values["threshold"].pop("onnx"))
    with pytest.raises(UserError, match=r"its threshold is unknown"):
        score(folder / "model.onnx")


def test_a_file_that_model_json_does_not_list_gets_the_threshold_of_the_command_line(folder):
    other = shutil.copyfile(folder / "model.onnx", folder / "other.onnx")
    assert open_scorer(other, (1,), Foreign(), 0.7, override=False).threshold == 0.7
    own = score(folder / "model.onnx").threshold
    assert open_scorer(folder / "model.onnx", (1,), Foreign(), 0.7, override=False).threshold == own != 0.7


def test_unknown_outputs_in_model_json_give_a_one_line_error(folder):
    edit(folder, lambda values: values["forms"]["onnx"]["layout"].update(outputs=["cat"]))
    with pytest.raises(UserError, match=r"forms\.onnx\.layout\.outputs"):
        score(folder / "model.onnx")
