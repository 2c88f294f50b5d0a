"""Tests score_together.py: runs the command on tiny models and files."""

import json

import keras
import pytest

from common.errors import UserError
from detector_cnn_ball_radius_center import score_together

from ..tiny import classification_file, detection_file

CENTRE = [0.4, 0.5, 0.5]


def model(path, outputs, side=16, channels=1):
    """Saves a classifier that measures brightness, or a detector that always predicts the same circle."""
    inputs = keras.Input((side, side, channels))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    if outputs == 1:
        x = keras.layers.Dense(1, "sigmoid", kernel_initializer="ones")(x)
    else:
        bias = keras.initializers.Constant(CENTRE)
        x = keras.layers.Dense(3, kernel_initializer="zeros", bias_initializer=bias)(x)
    path.parent.mkdir(exist_ok=True)
    keras.Model(inputs, x).save(path)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Creates a folder with a classifier run that has a threshold, a detector, and a patch file for each model."""
    folder = tmp_path_factory.mktemp("pair")
    model(folder / "run" / "model.keras", 1)
    (folder / "run" / "model.json").write_text(json.dumps({"threshold": {"keras": 0.6}}))
    model(folder / "detector.keras", 3)
    classification_file(folder / "c.h5", 90)
    detection_file(folder / "d.h5", 80)
    return folder


def arguments(place, **other):
    names = {"classifier": "run", "detector": "detector.keras", "classification": "c.h5", "detection": "d.h5"} | other
    return [str(place / name) for name in names.values()]


def test_the_command_writes_numbers_and_a_picture(place, tmp_path, capsys):
    folder = tmp_path / "out"
    score_together.main([*arguments(place), "--output-dir", str(folder)])
    result = json.loads((folder / "together.json").read_text())
    assert result["threshold"] == 0.6
    assert result["metrics"]["balls"] == 80
    assert result["metrics"]["others"] == 60  # one in three of the 90 patches shows a ball
    assert result["metrics"]["mean_iou"] > 0.5
    assert len(result["groups"]) >= 3
    assert (folder / "operating_points.png").stat().st_size > 10_000
    out = capsys.readouterr().out
    assert "false positives per 1000" in out
    assert "threshold 0.6: shipped with the model" in out


def test_unsuitable_input_gives_a_clear_error(place, tmp_path):
    detection_file(tmp_path / "big.h5", 40, size=32)
    detection_file(tmp_path / "balls.h5", 40)
    model(tmp_path / "big.keras", 3, side=32)
    cases = [
        ({"detection": tmp_path / "big.h5"}, "16x16x1 and 32x32x1"),
        ({"detector": tmp_path / "big.keras"}, "32x32x1"),
        ({"detector": "run"}, "not a detector"),
        ({"classifier": "detector.keras"}, "not a classifier"),
        ({"classification": tmp_path / "balls.h5"}, "This is a detection file"),
        ({"classifier": "c.h5"}, "not a .keras file"),
        ({"detector": "nothing"}, "the model does not exist"),
    ]
    for change, words in cases:
        with pytest.raises(UserError, match=words.replace(".", r"\.")):
            score_together.main([*arguments(place, **change), "--output-dir", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_files_of_two_families_are_refused(tmp_path):
    common = "_yuv422_y_only_pil_legacy_border{}_combined_16x16_train_"
    first = tmp_path / ("classification_patches" + common.format(0) + "ball_no_ball_X_y.h5")
    second = tmp_path / ("ball_radius_center_patches" + common.format(10) + "ball_radius_center_X_y.h5")
    with pytest.raises(UserError, match=r"border0_combined_16x16 and .*border10"):
        score_together.check_family(first, second)
    score_together.check_family(first, tmp_path / second.name.replace("border10", "border0"))
    score_together.check_family(first, tmp_path / "mine.h5")
