"""Tests writing and reading model.json; anything that does not follow the schema causes a one-line error."""

import dataclasses
import json
import math

import pytest

from common.errors import UserError
from robot_export import model_json

from .jobs import edit, write_model_json


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
def test_a_broken_model_json_gives_a_one_line_error(folder, change, words):
    edit(folder, change)
    with pytest.raises(UserError, match=rf"model\.json is not a model\.json of version 1: .*{words}") as refused:
        model_json.read(folder)
    assert "\n" not in str(refused.value)


def test_fields_without_a_value_are_left_out(folder):
    manifest = model_json.read(folder)
    assert manifest.formats["uint8"].opset is None
    values = json.loads((folder / "model.json").read_text())
    assert values == manifest.as_json()
    assert "opset" not in values["forms"]["uint8"]
    assert values["options"] is None
    assert model_json.from_json(values | {"parameters": 3}) == manifest
    assert dataclasses.replace(manifest, threshold=None).trained_threshold is None


def test_what_is_written_is_read(folder, tmp_path):
    manifest = model_json.read(folder)
    (tmp_path / "copy").mkdir()
    model_json.write(tmp_path / "copy", manifest)
    assert model_json.read(tmp_path / "copy") == manifest
    text = (tmp_path / "copy" / "model.json").read_text()
    assert text == (folder / "model.json").read_text()
    lines = [line for line in text.splitlines() if line.count(",") > 200]
    assert len(lines) == 8  # each patch of the test vectors is on one line


def test_old_keys_stay_in_the_file(folder):
    """Robots and older programs read these keys."""
    values = json.loads((folder / "model.json").read_text())
    entry = values["forms"]["onnx"]
    assert (entry["fit"], entry["unfit"]) == (True, [])
    assert not {"formats", "accepted", "reasons"} & (values.keys() | entry.keys())


def test_a_number_that_is_not_finite_is_not_written(folder):
    manifest, before = model_json.read(folder), (folder / "model.json").read_bytes()
    wrong = dataclasses.replace(manifest, metrics={"validation": {"recall": math.nan}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        model_json.write(folder, wrong)
    assert (folder / "model.json").read_bytes() == before


def test_model_json_of_an_unexported_run_is_read_only_beside_model_keras(tmp_path):
    write_model_json(tmp_path)
    model = tmp_path / "model.keras"
    known = model_json.read_beside(model)
    assert (known.kind, known.trained_threshold, known.formats) == ("classifier", 0.5, {})
    assert model_json.read_beside(tmp_path / "other.keras") is None
    with pytest.raises(UserError, match=r"is not a model\.json of version 1: the whole file: 'vectors' is a required"):
        model_json.read(tmp_path)
    (tmp_path / "model.json").unlink()
    assert model_json.read_beside(model) is None


def test_damaged_entries_of_an_earlier_export_are_ignored_beside_a_model(folder):
    known = model_json.read_beside(folder / "model.keras")
    edit(folder, lambda values: values.update(forms=[], vectors="damaged", robots=3))
    assert model_json.read_beside(folder / "model.keras") == known
    assert known.formats == {}


def test_the_entry_of_a_file_is_found_by_its_name(folder):
    manifest, name = model_json.find_entry(folder / "model.onnx")
    assert (manifest, name) == (model_json.read(folder), "onnx")
    assert model_json.find_entry(folder / "another.onnx") is None
    edit(folder, lambda values: values.pop("cost"))
    assert model_json.find_entry(folder / "another.onnx") is None  # model.json does not list this file
    with pytest.raises(UserError, match="'cost' is a required property"):
        model_json.find_entry(folder / "model.onnx")


@pytest.mark.parametrize("change", ["append", "link", "remove"])
def test_a_file_is_read_only_if_it_is_the_exported_one(folder, tmp_path, change):
    file, path = model_json.read(folder).formats["onnx"], folder / "model.onnx"
    content = path.read_bytes()
    assert model_json.read_unchanged(folder, file) == content
    path.unlink()
    if change == "append":
        path.write_bytes(content + b" ")
    elif change == "link":
        (tmp_path / "elsewhere").write_bytes(content)
        path.symlink_to(tmp_path / "elsewhere")
    words = "has changed since it was exported" if change == "append" else "cannot be read"
    with pytest.raises(UserError, match=rf"model\.onnx {words}"):
        model_json.read_unchanged(folder, file)
