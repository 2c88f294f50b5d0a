"""Runs `export.py` on models of the project, on other models, and with mistakes that users make."""

import json
import shutil

import keras
import pytest

from classifier_cnn import export as classifier
from common.errors import UserError
from detector_cnn_ball_radius_center import export as detector
from robot_export import read_source

from ..tiny import classification_file, detection_file
from .models import random_model


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    made = {
        f"{kind}_{split}": make(folder / f"{kind}_{split}.h5", seed=seed)
        for kind, make in (("classification", classification_file), ("detection", detection_file))
        for seed, split in enumerate(("train", "validation"))
    }
    made["sigmoid"], made["linear"] = folder / "ball.keras", folder / "circle.keras"
    for head in ("sigmoid", "linear"):
        random_model(3, head=head).save(made[head])
    return made


def arguments(files, kind="classification", **other):
    given = {"calibration": files[f"{kind}_train"], "validation": files[f"{kind}_validation"]} | other
    return [str(text) for name, value in given.items() for text in (f"--{name.replace('_', '-')}", value)]


@pytest.mark.parametrize(
    ("module", "head", "kind"), [(classifier, "sigmoid", "classification"), (detector, "linear", "detection")]
)
def test_a_model_without_a_run_gets_a_complete_folder(files, tmp_path, monkeypatch, capsys, module, head, kind):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BALL_OUTPUT_DIR", str(tmp_path))
    module.main([str(files[head]), *arguments(files, kind)])
    (folder,) = tmp_path.iterdir()
    told = json.loads((folder / "model.json").read_text())
    assert (told["status"], told["options"]) == ("exported", None)
    assert ("threshold" in told) == (head == "sigmoid")
    assert told["datasets"]["train"]["name"] == files[f"{kind}_train"].name
    card = (folder / "README.md").read_text()
    assert "brightness" in card
    assert "](validation_" in card
    assert "game1_0" in card
    out = capsys.readouterr().out
    assert "model_uint8.tflite" in out
    assert str(folder) in out


def test_an_unsupported_layer_is_refused_with_its_name(files, tmp_path, monkeypatch):
    model = random_model(3)
    layer = keras.layers.ELU(name="my_elu")
    odd = keras.Model(model.inputs, keras.layers.Dense(1, "sigmoid")(layer(model.get_layer("flatten").output)))
    odd.save(tmp_path / "odd.keras")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BALL_OUTPUT_DIR", str(tmp_path))
    with pytest.raises(UserError, match=r"layer my_elu \(ELU\) cannot be exported"):
        classifier.main(["odd.keras", *arguments(files)])
    assert [path.name for path in tmp_path.iterdir()] == ["odd.keras"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"calibration": "classification_validation"}, "Received: the validation patches"),
        ({"calibration": "missing.h5"}, "missing.h5"),
        ({"calibration": "detection_train"}, "detection_train.h5"),
        ({"max_fpr": "1"}, "--max-fpr"),
        ({"input": "half"}, "--input"),
    ],
)
def test_bad_input_gives_a_one_line_error(files, tmp_path, monkeypatch, capsys, changes, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BALL_OUTPUT_DIR", str(tmp_path))
    changes = {name: files.get(value, value) for name, value in changes.items()}
    with pytest.raises((UserError, SystemExit)) as end:
        classifier.main([str(files["sigmoid"]), *arguments(files, **changes)])
    assert words in f"{end.value} {capsys.readouterr().err}"
    assert not list(tmp_path.iterdir())


def test_test_patches_are_refused_for_calibration(files, tmp_path):
    path = classification_file(tmp_path / "D_test_ball_no_ball_X_y.h5", seed=5)
    with pytest.raises(UserError, match="not test"):
        classifier.main([str(files["sigmoid"]), *arguments(files, calibration=path)])


def test_robots_and_the_namespace_from_the_command_line(files, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BALL_OUTPUT_DIR", str(tmp_path))
    more = [
        "--robot",
        "naoth-h5",
        "naoth",
        "--robot",
        "naoth-h5",
        "--detector",
        str(files["linear"]),
        "--namespace",
        "ours",
    ]
    classifier.main([str(files["sigmoid"]), *arguments(files), *more])
    (folder,) = tmp_path.iterdir()
    told = json.loads((folder / "model.json").read_text())
    assert {name: entry["file"] for name, entry in told["robots"].items()} == {
        "naoth-h5": "model_naoth-h5.h5",
        "naoth": "model.h",
    }
    assert len(told["vectors"]["expected"]["naoth-h5"][0]) == 4
    assert "namespace ours {" in (folder / "model.h").read_text()
    assert "namespace classifier = ::ours;" in (folder / "ball_models.h").read_text()
    assert "## Put it on this robot" in (folder / "README.md").read_text()


def test_a_robot_that_cannot_use_the_model_gives_a_one_line_error_and_nothing_is_written(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BALL_OUTPUT_DIR", str(tmp_path))
    for robot, words in (("hulks", "takes 32x32 patches"), ("naoth-h5", "--detector RUN")):
        with pytest.raises(UserError, match=words):
            classifier.main([str(files["sigmoid"]), *arguments(files), "--robot", robot])
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def exported(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "run"
    classifier.main([str(files["sigmoid"]), *arguments(files), "--output-dir", str(folder)])
    return folder


def set_in(told, place, value):
    *above, last = place
    for key in above:
        told = told[key]
    told[last] = value


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["input"], []),
        (["input", "height"], "16"),
        (["input", "mean"], 0.5),
        (["datasets"], None),
        (["datasets", "validation"], []),
        (["metrics"], [1]),
        (["cost"], "small"),
        (["threshold"], 0.5),
        (["threshold", "keras"], "high"),
        (["options"], 7),
        (["provenance"], {}),
        (["target"], {"order": 3}),
        (["version"], 9),
        (["project"], None),
    ],
)
def test_an_edited_model_json_gives_a_one_line_error(exported, files, tmp_path, place, value):
    folder = shutil.copytree(exported, tmp_path / "run")
    told = json.loads((folder / "model.json").read_text())
    set_in(told, place, value)
    (folder / "model.json").write_text(json.dumps(told))
    with pytest.raises(UserError, match=r"model\.json"):
        classifier.main([str(folder), *arguments(files)])


@pytest.mark.parametrize(
    "result",
    [
        [],
        3,
        {"metrics": [], "groups": []},
        {"metrics": {"auroc": "good"}, "groups": []},
        {"metrics": {}, "groups": [1]},
    ],
)
def test_an_edited_evaluation_is_ignored(result):
    assert not read_source.is_evaluation(result)


def test_an_unchanged_evaluation_is_used():
    row = {"group": "camera", "name": "top", "recall": 0.9}
    assert read_source.is_evaluation({"metrics": {"auroc": 0.9, "patches": 3}, "groups": [row]})
