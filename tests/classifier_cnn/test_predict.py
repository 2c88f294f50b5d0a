"""predict.py with a trained model on pictures, patches, zips and logs, as a user runs it."""

import csv
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from common.training.keras_file import save
from tests.robot_export.models import random_model
from tests.tiny import classification_file, program

BALLS = [(100, 80, 20), (420, 300, 32)]  # x, y, radius in pixels


def field(seed: int, balls=BALLS) -> Image.Image:
    """A green picture with bright discs that have dark spots."""
    rng = np.random.default_rng(seed)
    pixels = np.tile(np.array([40, 90, 40]), (480, 640, 1)) + rng.normal(0, 4, (480, 640, 1))
    row, column = np.mgrid[:480, :640]
    for x, y, radius in balls:
        away = np.hypot(column + 0.5 - x, row + 0.5 - y)
        pixels[away < radius] = 210
        pixels[away < 0.3 * radius] = 60
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A classifier and a detector that were never trained: what they answer is of no matter here."""
    folder = tmp_path_factory.mktemp("models")
    save(random_model(1), folder / "classifier.keras")
    save(random_model(2, head="linear"), folder / "detector.keras")
    return folder


def predict(*arguments, project="classifier_cnn"):
    return program(f"{project}.predict", *arguments, "--jobs", 1)


def rows(folder):
    with (folder / "detections.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_pictures_of_all_kinds_of_sources_give_the_same(tmp_path, models):
    pictures = tmp_path / "game"
    pictures.mkdir()
    field(0).save(pictures / "top-0001.png")
    field(1).save(pictures / "top-0002.png")
    with zipfile.ZipFile(tmp_path / "game.zip", "w") as archive:
        for path in sorted(pictures.glob("*")):
            archive.write(path, path.name)
    out = []
    for name, source in (("a", pictures), ("b", tmp_path / "game.zip")):
        found = predict(models / "classifier.keras", source, "--threshold", 0.2, "--output-dir", tmp_path / name)
        assert found.returncode == 0, found.stderr
        out.append([(row["frame"], row["camera"], row["score"], row["x"]) for row in rows(tmp_path / name)])
    assert out[0] == out[1] != []
    data = json.loads((tmp_path / "a" / "detections.json").read_text(encoding="utf-8"))
    assert data["pictures"] == 2
    assert len(data["detections"]) == data["balls"] == len(out[0])
    assert len(list((tmp_path / "a" / "pictures").glob("*.jpg"))) == 2
    assert (tmp_path / "a" / "sheet.png").is_file()
    assert not list(tmp_path.glob(".*"))


def test_a_patch_file_is_scored_as_it_is(tmp_path, models):
    file = classification_file(tmp_path / "p.h5", 30)
    done = predict(models / "classifier.keras", file, "--threshold", 0, "--output-dir", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    from common.datasets.patch_file import read_patches
    from common.training.keras_file import load
    from common.training.predict import make_predictor

    wanted = make_predictor(load(models / "classifier.keras"))(read_patches(file, "classification").X)[:, 0]
    assert np.allclose([float(row["score"]) for row in rows(tmp_path / "out")], wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{models}/detector.keras", "{picture}"], "not a classifier"),
        (["{models}/classifier.keras", "{picture}", "--detector", "{models}/classifier.keras"], "not a detector"),
        (["{models}/classifier.keras", "{picture}.missing"], "no such file"),
        (["{models}/classifier.keras", "{picture}", "--radius", "9", "3"], "--radius"),
        (["{models}/classifier.keras", "{models}"], "no picture in it"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(tmp_path, models, arguments, words):
    field(0).save(tmp_path / "a.png")
    filled = [word.format(models=models, picture=tmp_path / "a.png") for word in arguments]
    done = predict(*filled, "--output-dir", tmp_path / "out")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_detector_alone_needs_a_classifier_for_pictures(tmp_path, models):
    field(0).save(tmp_path / "a.png")
    project = "detector_cnn_ball_radius_center"
    done = predict(models / "detector.keras", tmp_path / "a.png", "--output-dir", tmp_path / "out", project=project)
    assert done.returncode == 2
    assert "--classifier" in done.stderr
