"""Checks which files an export makes: one per format, and extra files for robots whose code has its own layout."""

import dataclasses

import pytest

from common.errors import UserError
from robot_export.formats import CHOICES, FORMATS
from robot_export.plan_files import make_items, robot_file, robot_kinds
from robot_export.robots import ROBOTS

from .jobs import make_job, partner, robot_job


@pytest.mark.parametrize("export", CHOICES)
def test_there_is_one_file_per_format(tmp_path, export):
    items, robots = make_items(make_job(tmp_path, "classifier", {"robots": ("naoth",)}), export)
    assert set(items) == (set(FORMATS) if export == "all" else {"keras"})
    assert {name: item.file for name, item in items.items()} == {name: FORMATS[name].file for name in items}
    assert set(robots) == ({"naoth"} if export == "all" else set())


def test_a_robot_that_reads_one_of_the_usual_files_is_listed_with_that_file(tmp_path):
    job = robot_job(tmp_path / "run", "classifier", 32, ("naoth", "nomadz", "spqr", "hulks"))
    items, robots = make_items(job, "all")
    assert set(items) == set(FORMATS)
    assert {name: entry["file"] for name, entry in robots.items()} == {
        "naoth": "model.h",
        "nomadz": "model_float32.tflite",
        "spqr": "model.onnx",
        "hulks": "model_keras2.h5",
    }
    assert robots["hulks"]["form"] == "h5"
    assert robots["hulks"]["sampling_rule"] == "corners"


def test_a_robot_with_its_own_layout_gets_its_own_file(tmp_path):
    items, robots = make_items(robot_job(tmp_path / "run", "detector", 16, ("naoth-tflite",)), "all")
    item = items["naoth-tflite"]
    assert item.file == robots["naoth-tflite"]["file"] == "model_naoth-tflite.tflite"
    assert (item.format, item.layout.columns) == (FORMATS["float32"], True)
    assert item.layout.outputs == ("radius", "0", "x", "y")
    assert item.layout.offset != (0.0,)  # the mean


def test_two_models_in_one_file(tmp_path):
    job = robot_job(tmp_path / "run", "classifier", 16, ("naoth-tflite", "naoth"), partner(16))
    items, robots = make_items(job, "all")
    assert {name: entry["kind"] for name, entry in robots.items()} == {"naoth-tflite": "joint", "naoth": "classifier"}
    assert [network.outputs for network in items["naoth-tflite"].networks] == [1, 3]
    assert [len(items[name].networks) for name in FORMATS] == [1] * len(FORMATS)


@pytest.mark.parametrize("name", ROBOTS)
def test_the_file_for_a_robot_has_the_robots_name_and_the_usual_ending(name):
    file = robot_file(ROBOTS[name])
    assert file.startswith(f"model_{name}.")
    assert file.split(".")[-1] == FORMATS[ROBOTS[name].format].file.split(".")[-1]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("mean", [0.25], "the mean. Received: .* Train both with the same --mean"),
        ("sampling", "another", "the sampling rule"),
        ("width", 32, "the size"),
    ],
)
def test_two_runs_with_different_inputs_are_not_joined(tmp_path, key, value, words):
    other = partner(16)
    other = dataclasses.replace(other, input=dataclasses.replace(other.input, **{key: value}))
    job = robot_job(tmp_path / "run", "classifier", 16, ("naoth-h5",), other)
    with pytest.raises(UserError, match=f"the models differ in {words}"):
        make_items(job, "all")


def test_a_detector_is_refused_if_no_robot_reads_both_models_from_one_file(tmp_path):
    job = robot_job(tmp_path / "run", "classifier", 32, ("runswift",), partner(32))
    with pytest.raises(UserError, match=r"--detector is only for robots .* naoth-tflite.*\. Received: runswift\."):
        robot_kinds(job)
