"""`verify.py` on foreign folders runs no code from them, reads no file outside them, and no file stops it."""

import dataclasses
import json
import os
import re
import shutil

import numpy as np
import onnx
import onnxruntime
import pytest

from common.errors import UserError
from robot_export import model_json, verify, verify_one_file

from .broken_files import crashing, endless, hungry
from .jobs import deliver_run, edit, replace_file, with_code


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """A classifier's folder with a file for each runtime."""
    folder = tmp_path_factory.mktemp("delivered")
    deliver_run(folder, "h5", "uint8", "onnx", "cpp")
    return folder


@pytest.fixture
def folder(delivered, tmp_path):
    return shutil.copytree(delivered, tmp_path / "run")


def keep(folder, *names: str) -> None:
    """Keeps only these formats in model.json, in this order, followed by Keras, which the schema requires."""
    edit(folder, lambda values: values.update(forms={name: values["forms"][name] for name in (*names, "keras")}))


def run_here(folder, name: str, **settings) -> str:
    """Checks one file without a child process."""
    return verify_one_file.check_file(folder, model_json.read(folder), name, **settings)


def test_our_own_files_are_accepted(folder, capsys):
    verify.main([str(folder), "--all"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["keras", "h5", "uint8", "onnx", "cpp"]
    assert all("unchanged; test vectors differ by at most" in line for line in lines[:-1])
    assert lines[-1].endswith("5 of 5 files checked here")


def test_a_header_with_other_code_is_not_run(folder, tmp_path, capsys):
    replace_file(folder, "cpp", with_code(folder, tmp_path / "ran"))
    keep(folder, "cpp")
    verify.main([str(folder)])
    out = capsys.readouterr().out
    assert re.search(r"cpp .* not run: it is code, and this version generates a different", out)
    assert "1 of 2 files checked here; the others were not run" in out
    with pytest.raises(UserError, match="cpp: not run"):
        verify.main([str(folder), "--all"])
    assert not (tmp_path / "ran").exists()


def test_another_entry_of_format_cpp_is_not_run_either(folder, tmp_path):
    replace_file(folder, "onnx", with_code(folder, tmp_path / "ran"), runtime="C++")
    assert run_here(folder, "onnx").startswith("not run: it is code")
    assert not (tmp_path / "ran").exists()


def test_the_option_for_foreign_code_runs_it(folder):
    text = (folder / "model.h").read_text() + "// a comment that an older version wrote\n"
    replace_file(folder, "cpp", text.encode())
    assert run_here(folder, "cpp", foreign_code=True).startswith("unchanged")


def test_without_a_compiler_a_header_is_not_run(folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    assert run_here(folder, "cpp") == "not run: no C++ compiler is installed; the file is unchanged"


def test_a_changed_file_is_detected_by_its_hash_and_the_others_are_checked(folder, capsys):
    content = bytearray((folder / "model_uint8.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model_uint8.tflite").write_bytes(content)
    keep(folder, "uint8", "onnx")
    with pytest.raises(UserError, match=r"uint8: model_uint8.tflite has changed since it was exported") as error:
        verify.main([str(folder)])
    assert "onnx" not in str(error.value)
    assert re.search("onnx .* unchanged", capsys.readouterr().out)


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_anything_but_a_regular_file_is_not_read(folder, tmp_path, kind):
    """A link could point to a private file of the user, and a pipe would block the command forever."""
    (tmp_path / "elsewhere").write_bytes((folder / "model.onnx").read_bytes())
    (folder / "model.onnx").unlink()
    if kind == "link":
        (folder / "model.onnx").symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(folder / "model.onnx")
    keep(folder, "onnx")
    name, line, right = next(verify.verify(folder, model_json.read(folder)))
    assert (name, right) == ("onnx", False)
    assert line.startswith("model.onnx cannot be read")


def test_another_model_with_the_right_hash_is_detected_by_the_test_vectors(folder):
    model = onnx.load(folder / "model.onnx")
    (bias,) = [tensor for tensor in model.graph.initializer if tensor.name == "logit.bias"]
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + 1, bias.name))
    replace_file(folder, "onnx", model.SerializeToString())
    with pytest.raises(UserError, match=r"model.onnx outputs .* for test vector \d"):
        run_here(folder, "onnx")


def test_another_model_with_its_own_test_vectors_is_detected_by_those_of_keras(folder):
    model = onnx.load(folder / "model.onnx")
    (bias,) = [tensor for tensor in model.graph.initializer if tensor.name == "logit.bias"]
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + 1, bias.name))
    replace_file(folder, "onnx", model.SerializeToString())
    X = verify_one_file._patches(model_json.read(folder)).astype(np.float32)
    answers = onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"patch": X})[0].tolist()
    edit(folder, lambda values: values["vectors"]["expected"].update(onnx=answers))
    with pytest.raises(UserError, match=r"model.onnx differs from Keras by 0.\d+; model.json says by at most"):
        run_here(folder, "onnx")


@pytest.mark.parametrize(
    ("name", "entry", "words"),
    [
        ("onnx", {"tolerance": 1.0}, "model.onnx: tolerance has to be 0.0001, model.json says 1.0"),
        ("uint8", {"tolerance": 0.5}, "model_uint8.tflite: tolerance has to be 0.02, model.json says 0.5"),
        ("cpp", {"tolerance": 0.02}, "model.h: tolerance has to be 0.0001, model.json says 0.02"),
        ("onnx", {"fit": False}, "model.onnx: fit has to be true, model.json says false"),
        ("onnx", {"fit": None}, "model.onnx: fit has to be true, model.json says null"),
        ("onnx", {"parity": None}, "model.onnx: fit has to be null, model.json says true"),
        ("onnx", {"unfit": ["it is bad"]}, "model.onnx: fit has to be false, model.json says true"),
        ("uint8", {"quantised": {"scale": 0.5, "zero_point": 0}}, r"quantised has to be \(1.0, 0\), .* \(0.5, 0\)"),
        ("onnx", {"bytes": 5}, "model.onnx: bytes has to be .*, model.json says 5"),
    ],
)
def test_an_edited_entry_is_noticed(folder, name, entry, words):
    edit(folder, lambda values: values["forms"][name].update(entry))
    with pytest.raises(UserError, match=words):
        run_here(folder, name)


def test_a_rejected_file_that_was_made_accepted_is_noticed(folder):
    """By its numbers it loses many balls."""

    def reject(values):
        entry = values["forms"]["uint8"]
        assert values["forms"]["keras"]["parity"]["recall"] > 0.5
        entry["parity"]["recall"] = 0.4
        values["forms"]["keras"]["parity"]["flips"] = 0
        entry.update(fit=False, unfit=["it loses balls"])

    edit(folder, reject)
    assert run_here(folder, "uint8").startswith("unchanged")
    edit(folder, lambda values: values["forms"]["uint8"].update(fit=True, unfit=[]))
    with pytest.raises(UserError, match=r"model_uint8.tflite: fit has to be false, model.json says true"):
        run_here(folder, "uint8")
    edit(folder, lambda values: values["forms"]["uint8"]["parity"].pop("recall"))
    with pytest.raises(UserError, match=r"model_uint8.tflite: fit has to be false, model.json says true"):
        run_here(folder, "uint8")
    edit(folder, lambda values: values["forms"]["uint8"].update(fit=False))
    with pytest.raises(UserError, match=r"model_uint8.tflite: it is not accepted, but unfit says: \[\]"):
        run_here(folder, "uint8")


def test_onnx_weights_in_another_file_are_not_read(folder, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(1 << 16))
    for location in (str(secret), "../secret"):
        model = onnx.load_from_string((folder / "model.onnx").read_bytes())
        tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
        replace_file(folder, "onnx", model.SerializeToString())
        with pytest.raises(UserError, match="cannot open it"):
            run_here(folder, "onnx")


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (crashing, "uint8", r"model_uint8.tflite: LiteRT crashed \(SIG[A-Z]+\)"),
        (endless, "onnx", "model.onnx: ONNX Runtime did not finish within 2 s"),
        (hungry, "uint8", "model_uint8.tflite"),
    ],
)
def test_a_file_that_breaks_its_runtime_gives_one_line_and_the_others_are_checked(
    folder, monkeypatch, capsys, make, name, words
):
    file = folder / ("model.onnx" if name == "onnx" else "model_uint8.tflite")
    replace_file(folder, name, make(file.read_bytes()))
    keep(folder, name, "h5")
    monkeypatch.setattr(verify, "SECONDS", 2.0 if make is endless else 60.0)
    with pytest.raises(UserError, match=words) as error:
        verify.main([str(folder)])
    assert "\n" not in str(error.value)
    assert re.search(r"h5 .* unchanged", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values.update(version=2), "version"),
        (lambda values: values["input"].pop("mean"), "input: 'mean' is a required property"),
        (lambda values: values["forms"]["onnx"].update(sha256="?"), "forms.onnx.sha256"),
        (lambda values: values["vectors"]["patches"].pop(), "vectors.patches"),
        (lambda values: values["forms"]["onnx"].update(file="../x"), "forms.onnx.file"),
    ],
)
def test_a_broken_model_json_gives_one_line(folder, change, words):
    edit(folder, change)
    with pytest.raises(UserError, match=words):
        verify.main([str(folder)])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values["vectors"]["patches"][3].pop(), "the test vectors are not patches of 16x16x1"),
        (lambda values: values["vectors"]["expected"].pop("uint8"), "model_uint8.tflite has no test vectors"),
        (lambda values: values["vectors"]["expected"]["uint8"][0].append(1), "model_uint8.tflite has no test vectors"),
    ],
)
def test_broken_test_vectors_give_one_line(folder, change, words):
    edit(folder, change)
    with pytest.raises(UserError, match=words):
        run_here(folder, "uint8")


def test_each_format_has_its_own_input(folder):
    """The input that model.json describes for all files is only information for people."""
    edit(folder, lambda values: values["input"].update(mean=[0.1], normalised=True))
    assert run_here(folder, "uint8").startswith("unchanged")


def test_a_folder_from_before_november_2026(folder):
    """The entries of its files have no layout, so the layout follows from other fields."""
    edit(folder, lambda values: [entry.pop("layout") for entry in values["forms"].values()])
    for name in ("keras", "h5", "uint8", "onnx"):
        assert run_here(folder, name).startswith("unchanged")


def test_a_folder_without_model_json_gives_one_line(tmp_path):
    once = r"^model\.json cannot be read: [^.]*\. Received: [^ ]*\. Pass the folder of a run\.$"
    with pytest.raises(UserError, match=once):
        verify.main([str(tmp_path)])


def test_fields_without_a_value_are_left_out(folder):
    manifest = model_json.read(folder)
    assert manifest.formats["uint8"].opset is None
    values = json.loads((folder / "model.json").read_text())
    assert values == manifest.as_json()
    assert "opset" not in values["forms"]["uint8"]
    assert values["options"] is None
    assert model_json.from_json(values | {"parameters": 3}) == manifest
    assert dataclasses.replace(manifest, threshold=None).trained_threshold is None
