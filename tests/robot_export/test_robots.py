"""Checks that each robot gets a file in the layout of its code, and that unsuitable models are refused."""

import dataclasses

import numpy as np
import pytest

from common.datasets.sampling_rules import RULES
from common.errors import UserError
from robot_export import model_json, runtimes, verify_one_file
from robot_export.formats import FORMATS
from robot_export.layout import OWN, Layout, term
from robot_export.make_and_check import deliver
from robot_export.robots import ROBOTS, check

from .jobs import partner, robot_job


def named(kind: str, side: int) -> tuple[str, ...]:
    return tuple(name for name, robot in ROBOTS.items() if kind in robot.outputs and side in robot.sizes)


def as_the_robot_feeds(robot, X, mean: float):
    """Computes the input one value at a time, like the loops in the robots' code, independently of `Layout.feed`."""
    size = X.shape[1]
    fed = np.zeros(X.shape, np.uint8 if robot.dtype == "uint8" else np.float32)
    for x in range(size):
        for y in range(size):
            value = X[:, y, x, 0] if robot.dtype == "uint8" else X[:, y, x, 0] * robot.scale
            value = value - mean if robot.subtracts_mean else value
            fed[(slice(None), x, y) if robot.columns else (slice(None), y, x)] = value[:, None]
    return fed


def as_the_robot_reads(outputs, found, size: int) -> dict[str, np.ndarray]:
    read = dict(zip(outputs, found.T, strict=True))
    answers = {}
    for name, values in read.items():
        for unit, factor in ((" px", size), ("2 radius", 2)):
            values = values / factor if unit in name else values
        answers[name.replace(" px", "").replace("2 radius", "radius")] = values
    if "logit" in answers:
        answers["ball"] = 1 / (1 + np.exp(-answers["logit"]))
    if "1 - ball" in answers:
        np.testing.assert_allclose(answers["1 - ball"] + answers["ball"], 1, atol=1e-6)
    assert not np.any(answers.get("0", 0))
    return answers


@pytest.mark.parametrize(("kind", "side"), [("classifier", 16), ("classifier", 32), ("detector", 32), ("joint", 32)])
def test_every_robot_gets_a_file_in_the_layout_of_its_code(tmp_path, kind, side):
    joint = partner(side) if kind == "joint" else None
    job = robot_job(tmp_path / "run", "classifier" if joint else kind, side, named(kind, side), joint)
    told = deliver(job)
    for name in told.formats:
        assert verify_one_file.check_file(job.folder, model_json.read(job.folder), name).startswith("unchanged")
    wanted = np.concatenate([job.source.outputs, *([joint.outputs] if joint else [])], axis=1)
    names = {1: ("ball",), 3: ("radius", "x", "y"), 4: ("ball", "radius", "x", "y")}[wanted.shape[1]]
    X, mean = job.source.validation.X, job.source.manifest.input.mean[0]
    for name in job.robots:
        robot, file = ROBOTS[name], told.formats[told.robots[name]["form"]]
        assert told.robots[name]["file"] == file.file
        assert file.parity["patches"] == 60
        assert file.accepted or robot.format == "uint8"
        if robot.format == "cpp":
            continue  # cpp/test_ball_models.py tests model.h with naoth_finder.h
        opened = runtimes.open_file(job.folder / file.file, file.runtime)
        found = opened.predict(as_the_robot_feeds(robot, X, mean))
        read = as_the_robot_reads(robot.outputs[kind], found, side)
        for place, answer in enumerate(names):
            if answer in read:
                atol = 0.3 if robot.format == "uint8" else 1e-5
                np.testing.assert_allclose(
                    read[answer], wanted[:, place], atol=atol, rtol=1e-5, err_msg=f"{name} {answer}"
                )


def test_a_network_for_another_layout_is_not_shipped(tmp_path, monkeypatch):
    """The network expects a layout that differs from the layout of its file."""
    original = Layout.network

    def upright(layout, *networks):
        return original(dataclasses.replace(layout, columns=False), *networks)

    monkeypatch.setattr(Layout, "network", upright)
    job = robot_job(tmp_path / "run", "classifier", 16, ("naoth-tflite",))
    with pytest.raises(UserError, match="the naoth-tflite format differs from the trained model"):
        deliver(job)
    assert [path.name for path in job.folder.iterdir()] == ["model.keras"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("naoth-h5", "joint", (32, 32, 1), None), "takes 16x16 patches of Y only. Received: 32x32, 1 channel."),
        (("hulks", "classifier", (32, 32, 2), None), "Received: 32x32, 2 channels."),
        (("b-human", "classifier", (32, 32, 1), None), "only a classifier. Export the classifier with --detector RUN"),
        (("nomadz", "detector", (32, 32, 1), None), "cannot load a detector"),
        (("hulks", "detector", (32, 32, 1), "centres"), "Build the dataset with --sampling corners, or pass"),
    ],
)
def test_a_model_that_a_robot_cannot_use_is_refused(arguments, words):
    name, *rest = arguments
    with pytest.raises(UserError) as refused:
        check(name, *rest, accept_sampling=False)
    assert words in str(refused.value)
    assert str(refused.value).startswith(f"--robot {name}: ")


def test_another_sampling_rule_can_be_accepted():
    check("hulks", "detector", (32, 32, 1), "centres", accept_sampling=True)
    check("hulks", "detector", (32, 32, 1), "corners", accept_sampling=False)


@pytest.mark.parametrize("name", ROBOTS)
def test_the_table_uses_known_words(name):
    robot = ROBOTS[name]
    assert robot.sampling in RULES
    assert robot.format in FORMATS
    for kind, outputs in robot.outputs.items():
        known = {term(output, 16)[0] for output in outputs} - {None}
        assert tuple(sorted(known)) in {tuple(sorted(names)) for names in OWN.values()}, kind
