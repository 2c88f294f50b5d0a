"""Files in the layout of each robot's code are checked through this layout; unsuitable models are refused."""

import dataclasses

import numpy as np
import pytest

from common.datasets.sampling_rules import RULES
from common.errors import UserError
from robot_export import model_json, runtimes, verify_one_file
from robot_export.export_job import Job, Partner
from robot_export.fill_model_json import describe_input
from robot_export.formats import FORMATS
from robot_export.layout import OWN, Layout, term
from robot_export.make_and_check import deliver
from robot_export.plan_files import robot_kinds
from robot_export.robots import ROBOTS, check

from .jobs import make_job
from .models import patches, random_model


def make(folder, kind: str, side: int, robots: tuple[str, ...], detector=None) -> Job:
    return make_job(folder, kind, {"robots": robots, "detector": detector}, seed=21, patch_count=60, side=side)


def partner(side: int, seed: int = 21) -> Partner:
    model = random_model(seed, side=side, head="linear")
    outputs = model(patches(12, 60, (side, side, 1)).astype(np.float32)).numpy()
    return Partner(model, outputs, describe_input(model, normalised=False))


def named(kind: str, side: int) -> tuple[str, ...]:
    return tuple(name for name, robot in ROBOTS.items() if kind in robot.outputs and side in robot.sizes)


def as_the_robot_feeds(robot, X, mean: float):
    """Prepares input value by value, like the loops in the robots' code, independently of `Layout.feed`."""
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
    job = make(tmp_path / "run", "classifier" if joint else kind, side, named(kind, side), joint)
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


def test_a_robot_that_reads_an_existing_file_gets_its_name(tmp_path):
    told = deliver(make(tmp_path / "run", "classifier", 32, ("naoth", "nomadz", "spqr", "hulks")))
    files = {name: entry["file"] for name, entry in told.robots.items()}
    assert files == {
        "naoth": "model.h",
        "nomadz": "model_float32.tflite",
        "spqr": "model.onnx",
        "hulks": "model_keras2.h5",
    }


def test_the_card_says_how_to_put_it_on_the_robot(tmp_path):
    job = make(tmp_path / "run", "classifier", 16, ("naoth-tflite",))
    deliver(job)
    card = (job.folder / "README.md").read_text()
    mean = job.source.manifest.input.mean[0]
    assert "### naoth-tflite: NaoTH" in card
    assert "`model_naoth-tflite.tflite`" in card
    assert f"**-{mean:.9g}**" in card
    assert "[column][row]" in card
    assert "Outputs: 1 - ball, ball." in card
    assert "sampled by an unknown rule" in card


def test_a_network_for_another_layout_is_not_shipped(tmp_path, monkeypatch):
    """The network expects another layout than that of the file's input."""
    original = Layout.network

    def upright(layout, *networks):
        return original(dataclasses.replace(layout, columns=False), *networks)

    monkeypatch.setattr(Layout, "network", upright)
    job = make(tmp_path / "run", "classifier", 16, ("naoth-tflite",))
    with pytest.raises(UserError, match="the naoth-tflite format differs from the trained model"):
        deliver(job)
    assert [path.name for path in job.folder.iterdir()] == ["model.keras"]


def test_robot_files_of_an_earlier_export_are_removed(tmp_path):
    job = make(tmp_path / "run", "classifier", 16, ("naoth-tflite",))
    deliver(job)
    deliver(dataclasses.replace(job, robots=()))
    assert not (job.folder / "model_naoth-tflite.tflite").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("naoth-h5", "joint", (32, 32, 1), None), "takes 16x16 patches of Y only. Received: 32x32, 1 channel."),
        (("hulks", "classifier", (32, 32, 2), None), "Received: 32x32, 2 channels."),
        (("b-human", "classifier", (32, 32, 1), None), "only a classifier. Export the classifier with --detector RUN"),
        (("nomadz", "detector", (32, 32, 1), None), "loads no detector"),
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
    job = make(tmp_path / "run", "classifier", 16, ("naoth-h5",), other)
    with pytest.raises(UserError, match=f"the models differ in {words}"):
        deliver(job)
    assert [path.name for path in job.folder.iterdir()] == ["model.keras"]


@pytest.mark.parametrize("name", ROBOTS)
def test_the_table_uses_known_words(name):
    robot = ROBOTS[name]
    assert robot.sampling in RULES
    assert robot.format in FORMATS
    for kind, outputs in robot.outputs.items():
        known = {term(output, 16)[0] for output in outputs} - {None}
        assert tuple(sorted(known)) in {tuple(sorted(names)) for names in OWN.values()}, kind


def test_a_detector_that_no_robot_joins_is_refused(tmp_path):
    job = make(tmp_path / "run", "classifier", 32, ("runswift",), partner(32))
    with pytest.raises(UserError, match=r"--detector is only for robots .* naoth-tflite.*\. Received: runswift\."):
        robot_kinds(job)
