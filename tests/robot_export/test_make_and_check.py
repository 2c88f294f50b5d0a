"""Runs every format of both projects in its real runtime; if one format is broken, nothing is exported."""

import dataclasses
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from common.errors import UserError
from robot_export import model_json, plan_files, runtimes, verify_one_file
from robot_export.cpp import int16_reference
from robot_export.formats import CHOICES, FORMATS
from robot_export.make_and_check import deliver

from .jobs import make_job


def test_every_format_is_made_checked_and_timed(delivered):
    folder, _, told = delivered
    assert set(told.formats) == set(FORMATS)
    assert {path.name for path in folder.iterdir()} == {each.file for each in FORMATS.values()} | {
        "model.json",
        "README.md",
        "report.html",
        "ball_models.h",
        "naoth_finder.h",
    }
    for name, file in told.formats.items():
        assert file.parity["patches"] == 203
        if FORMATS[name].exact:
            assert file.parity["max_difference"] < 1e-5
            assert file.accepted
        assert 0 < file.latency_us["median"] <= file.latency_us["p95"]
    assert told.formats["uint8"].parity["max_difference"] > told.formats["float32"].parity["max_difference"]
    assert model_json.read(folder) == told


def test_an_int16_header_that_differs_from_the_reference_is_not_shipped(tmp_path, monkeypatch):
    job = make_job(tmp_path, "classifier")
    monkeypatch.setitem(CHOICES, "all", ("keras", "int16"))
    monkeypatch.setattr(int16_reference, "ONE", 2)  # this value changes how the reference rounds products
    with pytest.raises(UserError, match="the int16 format does not output the expected bits"):
        deliver(job)
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras"}


def wrong_mean(network):
    return dataclasses.replace(network, offset=tuple(value + 0.02 for value in network.offset))


def wrong_order(network):
    last = network.dense[-1]
    turned = dataclasses.replace(last, weights=last.weights[:, [1, 2, 0]], bias=last.bias[[1, 2, 0]])
    return dataclasses.replace(network, dense=(*network.dense[:-1], turned))


def missing_normalisation(network):
    """Returns the network without the bias that batch normalisation adds to the second convolution."""
    first, second, *rest = network.convolutions
    bare = dataclasses.replace(second, bias=np.zeros_like(second.bias))
    return dataclasses.replace(network, convolutions=(first, bare, *rest))


@pytest.mark.parametrize(
    ("name", "breaks"),
    [("classifier", wrong_mean), ("detector", wrong_order), ("classifier", missing_normalisation)],
)
def test_a_broken_export_is_refused_and_leaves_existing_files_unchanged(tmp_path, monkeypatch, name, breaks):
    monkeypatch.setitem(CHOICES, "all", ("keras", "float32"))
    job = make_job(tmp_path, name)
    (tmp_path / "model_float32.tflite").write_text("of an earlier export")
    original = plan_files.fold
    monkeypatch.setattr(plan_files, "fold", lambda model: breaks(original(model)))
    with pytest.raises(UserError, match=r"the float32 format differs from the trained model: .* Keras"):
        deliver(job)
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", "model_float32.tflite"}
    assert (tmp_path / "model_float32.tflite").read_text() == "of an earlier export"


def test_the_export_choices_keras_and_none(tmp_path):
    job = make_job(tmp_path, "classifier")
    for stale in ("model_int8.tflite", "model_float16.tflite"):
        (tmp_path / stale).write_text("of an earlier run")
    for export, checked in (("keras", True), ("none", False)):
        told = deliver(job, export)
        assert set(told.formats) == {"keras"}
        assert (told.formats["keras"].latency_us is not None) == checked
        assert not list(tmp_path.glob("*.tflite"))
        assert (tmp_path / "README.md").exists() == (tmp_path / "report.html").exists() == checked
        assert model_json.read(tmp_path) == told


def test_an_export_waits_for_another_one_and_removes_what_a_killed_one_left(tmp_path, monkeypatch):
    job, started, may_end = make_job(tmp_path, "classifier"), Event(), Event()
    (tmp_path / ".export.killed").mkdir()
    (tmp_path / ".export.killed" / "model.onnx").write_text("half")

    def slow(folder):
        (folder / "validation_curves.png").write_bytes(b"of the first")
        started.set()
        assert may_end.wait(60)
        return job

    with ThreadPoolExecutor() as threads:
        first = threads.submit(deliver, job, "none", slow)
        assert started.wait(60)
        assert not (tmp_path / ".export.killed").exists()
        said = io.StringIO()  # reading capsys may lose what another thread prints at that moment
        monkeypatch.setattr(sys, "stderr", said)
        second = threads.submit(deliver, job, "none")
        while "waiting for another export to" not in said.getvalue():
            assert not second.done()
        assert len(list(tmp_path.glob(".export.*/validation_curves.png"))) == 1
        may_end.set()
        assert first.result() == second.result()
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", "model.json", "validation_curves.png"}


@pytest.mark.parametrize("name", ["model_float32.tflite", "model_int8.tflite", "README.md"])
def test_a_folder_with_the_name_of_a_file_stops_an_export_before_it_writes(tmp_path, name):
    job = make_job(tmp_path, "classifier")
    (tmp_path / name).mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"the name of a file that must be written\. Received: "):
        deliver(job)
    assert sorted(tmp_path.iterdir()) == before


def test_without_a_compiler_the_headers_are_written_but_not_accepted(tmp_path, monkeypatch):
    monkeypatch.setitem(CHOICES, "all", ("keras", "cpp", "int16"))
    job = make_job(tmp_path, "classifier")
    original = runtimes.missing
    monkeypatch.setattr(runtimes, "missing", lambda name: "no C++ compiler" if name == "C++" else original(name))
    told = deliver(job)
    assert told.formats["cpp"].accepted is None
    assert told.formats["cpp"].parity is None
    card = (tmp_path / "README.md").read_text()
    assert "**`model.h` has not been checked**: not run during the export: no C++ compiler." in card
    monkeypatch.undo()
    for name in ("cpp", "int16"):  # now there is a compiler
        assert verify_one_file.check_file(tmp_path, told, name).startswith("unchanged")


def test_robot_files_of_an_earlier_export_are_removed(tmp_path, monkeypatch):
    monkeypatch.setitem(CHOICES, "all", ("keras", "float32"))
    job = make_job(tmp_path, "classifier", {"robots": ("naoth-tflite",)})
    deliver(job)
    assert (job.folder / "model_naoth-tflite.tflite").exists()
    deliver(dataclasses.replace(job, robots=()))
    assert not (job.folder / "model_naoth-tflite.tflite").exists()
