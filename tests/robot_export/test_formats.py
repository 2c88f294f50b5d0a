"""Checks that the file of every format takes the input of its layout and computes the same outputs as the model."""

import dataclasses

import numpy as np
import pytest

from robot_export import runtimes
from robot_export.calibration import select_calibration
from robot_export.cpp.int16_quantise import measure
from robot_export.folded_network import fold
from robot_export.formats import CHOICES, FORMATS, FORMER
from robot_export.layout import Layout
from robot_export.make_and_check import deliver

from .jobs import make_job
from .models import patches


def test_every_file_has_its_own_name_and_a_runtime_that_opens_it():
    files = [each.file for each in FORMATS.values()]
    assert len(set(files)) == len(files)
    assert not set(files) & set(FORMER)
    assert {each.runtime for each in FORMATS.values()} == set(runtimes.OPENERS)
    assert set(CHOICES["all"]) == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_files_take_raw_or_normalised_values_as_model_json_says(classifier, name):
    """model.keras, the headers and the uint8 file always take raw values."""
    given, file = dataclasses.replace(classifier[2].input, normalised=True), FORMATS[name]
    layout = file.layout(given)
    assert (layout.scale, layout.dtype) == (given.scale if name in ("h5", "float32", "onnx") else 1.0, file.takes)
    np.testing.assert_allclose(layout.offset, [given.offset[0] if layout.scale != 1 else 0.0])
    assert file.layout(classifier[2].input).scale == 1.0


def test_files_for_normalised_input_do_not_scale_or_subtract_the_mean(tmp_path, monkeypatch):
    monkeypatch.setitem(CHOICES, "all", ("keras", "uint8", "onnx", "cpp"))
    job = make_job(tmp_path, "classifier", normalised=True)
    told = deliver(job)
    assert told.formats["onnx"].parity["max_difference"] < 1e-5
    assert told.formats["uint8"].parity["max_difference"] < 0.2
    assert [name for name, file in told.formats.items() if not file.normalised] == ["keras", "uint8", "cpp"]
    X = job.source.validation.X[:5]
    opened = runtimes.open_file(tmp_path / "model.onnx", "ONNX Runtime")
    scale, offset = told.input.scale, told.input.offset
    np.testing.assert_allclose(
        opened.predict((X * scale + offset).astype(np.float32)), job.source.outputs[:5], atol=1e-5
    )
    assert "**NORMALISED: value / 255 - mean" in (tmp_path / "README.md").read_text()


def test_the_int16_header_has_the_ranges_of_the_calibration_and_a_threshold_of_its_own(classifier, tmp_path):
    folder, job, told = classifier
    file, text = told.formats["int16"], (folder / "model_int16.h").read_text()
    assert 1e-6 < file.parity["max_difference"] < 2e-3
    assert file.clamped.keys() == {"conv1", "conv2", "conv3", "conv4", "dense"}
    assert file.tolerance == told.formats["cpp"].tolerance
    assert f"static const float threshold = {np.float32(told.threshold['int16']):.9g}f;" in text
    assert file.ranges == measure(fold(job.source.model), select_calibration(job.source.calibration))


def test_the_threshold_of_the_int16_header_is_the_one_that_the_project_chooses(tmp_path, monkeypatch):
    monkeypatch.setitem(CHOICES, "all", ("keras", "cpp", "int16"))
    job = make_job(tmp_path, "classifier")
    told = deliver(dataclasses.replace(job, project=dataclasses.replace(job.project, choose=lambda *_: 0.125)))
    trained = job.source.manifest.trained_threshold
    assert told.threshold == {"keras": trained, "cpp": trained, "int16": 0.125}
    assert "static const float threshold = 0.125f;" in (tmp_path / "model_int16.h").read_text()


def test_an_onnx_file_can_take_bytes(classifier, tmp_path):
    _, job, _ = classifier
    layout, path = Layout(dtype="uint8"), tmp_path / "model.onnx"
    FORMATS["onnx"].write(path, layout.network(fold(job.source.model)), layout, job)
    opened = runtimes.open_file(path, "ONNX Runtime")
    assert opened.dtype == "uint8"
    np.testing.assert_allclose(opened.predict(job.source.validation.X[:9]), job.source.outputs[:9], atol=1e-5)


def test_calibration_uses_only_training_patches(tmp_path, monkeypatch):
    """Dark training patches change the ranges, but not which validation outputs are compared."""
    monkeypatch.setitem(CHOICES, "all", ("keras", "uint8", "int16"))
    job = make_job(tmp_path, "detector")
    dark = patches(3, 100, (16, 16, 1)) // 8
    told = deliver(dataclasses.replace(job, source=dataclasses.replace(job.source, calibration=dark)))
    assert told.formats["int16"].ranges == measure(fold(job.source.model), select_calibration(dark))
    assert told.formats["int16"].clamped["conv1"][0] > 0
    assert told.formats["uint8"].quantised == {"scale": 1.0, "zero_point": 0}  # raw bytes are the quantised values
    assert told.threshold is None
