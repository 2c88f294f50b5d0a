"""Checks that the model card says which header to use, where each robot's file goes, and what its input is."""

import dataclasses

import pytest

from common.datasets.sampling_rules import RULES
from robot_export.card import write_card
from robot_export.formats import CHOICES
from robot_export.make_and_check import deliver
from robot_export.plan_files import robot_file
from robot_export.robot_card import header_to_take, robots
from robot_export.robots import ROBOTS

from .jobs import robot_job


def with_int16(told, **changes):
    changed = dataclasses.replace(told.formats["int16"], **changes)
    return dataclasses.replace(told, formats=told.formats | {"int16": changed})


def test_the_int16_header_is_recommended_unless_it_is_rejected_or_was_not_run(delivered):
    told = delivered[2]
    text = header_to_take(with_int16(told, accepted=True, reasons=[]))
    assert text.startswith("Use **`model_int16.h`** on the robot.")
    file = told.formats["int16"]
    assert f"took {file.latency_us['median']:.2f} us per patch instead of" in text
    assert f"and {sum(count for count, _ in file.clamped.values()):,} of " in text
    assert ("decisions change" in text) == (told.threshold is not None)
    assert header_to_take(with_int16(told, accepted=False, reasons=["bad", "slow"])) == (
        "Use `model.h` on the robot: `model_int16.h` is rejected (bad; slow)."
    )
    assert header_to_take(with_int16(told, accepted=None)) == (
        "Use `model.h` on the robot: `model_int16.h` was not run here."
    )


@pytest.mark.parametrize("missing", ["cpp", "int16"])
def test_one_header_alone_needs_no_choice(classifier, missing):
    told = classifier[2]
    formats = {name: file for name, file in told.formats.items() if name != missing}
    assert header_to_take(dataclasses.replace(told, formats=formats)) is None


def test_the_card_has_both_parts(classifier, tmp_path):
    _, job, told = classifier
    write_card(job, with_int16(told, accepted=False, reasons=["bad"]), tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert "Use `model.h` on the robot: `model_int16.h` is rejected (bad)." in card
    assert "## Put it on this robot" not in card
    assert "![" not in card  # this run has no pictures


def test_the_card_says_how_to_put_the_model_on_the_robot(tmp_path, monkeypatch):
    monkeypatch.setitem(CHOICES, "all", ("keras", "float32"))
    job = robot_job(tmp_path / "run", "classifier", 16, ("naoth-tflite",))
    deliver(job)
    card = (job.folder / "README.md").read_text()
    mean = job.source.manifest.input.mean[0]
    assert "### naoth-tflite: NaoTH" in card
    assert "`model_naoth-tflite.tflite`" in card
    assert f"**-{mean:.9g}**" in card
    assert "[column][row]" in card
    assert "Outputs: 1 - ball, ball." in card
    assert "sampling rule of this model's patches is unknown" in card


def record(told, name: str, kind: str, **given):
    """Returns the manifest with a file in this robot's layout; the mean is 0.25, and the threshold is 0.625."""
    robot = ROBOTS[name]
    layout = {"scale": robot.scale, "offset": [-0.25 * robot.subtracts_mean], "columns": robot.columns}
    layout["outputs"] = list(robot.outputs[kind])
    file = robot_file(robot)
    entry = dataclasses.replace(told.formats["onnx"], file=file, input_type=robot.dtype, layout=layout)
    return dataclasses.replace(
        told,
        input=dataclasses.replace(told.input, mean=[0.25], sampling_rule=robot.sampling, **given),
        formats=told.formats | {name: entry},
        threshold=told.threshold | {name: 0.625},
        robots={name: {"file": file, "form": name, "kind": kind, "sampling_rule": robot.sampling}},
    )


STEPS = [
    ("naoth-tflite", "joint", 16, 'TFLiteModelNaoTH("model_naoth-tflite.tflite", true, true, true)'),
    ("naoth-tflite", "detector", 32, 'TFLiteModelNaoTH32("model_naoth-tflite.tflite", true, true, false)'),
    ("naoth-tflite", "classifier", 16, "`meanBrightnessOffset` is **-0.25**"),  # this loader adds the mean
    ("naoth-h5", "joint", 16, "`meanBrightnessOffset` is **0.25**"),
    ("hulks", "classifier", 32, "`etc/neural_networks/classifier.hdf5`"),
    ("hulks", "detector", 32, "`etc/neural_networks/positioner.hdf5`"),
]


@pytest.mark.parametrize(("name", "kind", "side", "words"), STEPS)
def test_the_steps_use_the_names_and_signs_of_the_robots_code(classifier, name, kind, side, words):
    text = robots(record(classifier[2], name, kind, width=side))[2]
    assert words in text


KINDS = [(name, kind) for name, robot in ROBOTS.items() for kind in robot.outputs]


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_every_robot_gets_its_file_its_input_and_its_outputs(classifier, name, kind):
    told, robot = record(classifier[2], name, kind), ROBOTS[name]
    entry, given = told.formats[name], told.input
    title, heading, text = robots(told)
    assert (title, heading) == ("## Put it on this robot", f"### {name}: {robot.loader}")
    assert not {"{", "}"} & set(text)
    assert ("`model.h`" if name == "naoth" else entry.file) in text
    order = "[column][row]" if robot.columns else "[row][column]"
    assert f"Input: 16x16, {order}, {robot.dtype}, {'raw Y' if robot.scale == 1 else 'Y * 0.00392156863'}" in text
    assert ((" - 0.25." in text), ("**0.25**" in text or "**-0.25**" in text)) == (robot.subtracts_mean,) * 2
    assert f"Outputs: {', '.join(robot.outputs[kind])}" in text
    assert f"Sampling rule {robot.sampling}: {RULES[robot.sampling]}." in text
    assert "**The sampling rule of" not in text
    assert "threshold 0.625." in text
    unchecked = dataclasses.replace(entry, parity=None)
    other = dataclasses.replace(given, sampling_rule="area" if robot.sampling != "area" else "corners")
    text = robots(dataclasses.replace(told, input=other, formats=told.formats | {name: unchecked}))[2]
    assert f"**The sampling rule of this model's patches is {other.sampling_rule}.**" in text
    assert "**Not checked yet**" in text
