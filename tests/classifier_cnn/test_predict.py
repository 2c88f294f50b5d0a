"""Runs predict.py on pictures, patches, zip archives and logs, as a user does."""

import csv
import json
import os
import shutil
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from classifier_cnn import predict
from common.cli.program import run_main
from common.datasets.patch_file import read_patches
from common.training.predictor import make_predictor
from common.training.safe_keras_file import load, save
from dataset_tools.building.patch_writer import write_patches
from dataset_tools.cutting.cut_pictures import cut
from dataset_tools.cutting.options import parse_args as cut_options
from detector_cnn_ball_radius_center import predict as detector_predict
from robot_export.folded_network import fold
from robot_export.layout import Layout
from robot_export.onnx_file import write

from ..dataset_tools.annotations import scenes
from ..dataset_tools.annotations.test_naoth_log import candidate, write_log
from ..robot_export.models import random_model
from ..tiny import classification_file, detection_file

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning:keras")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Saves untrained networks; the tests only check that their outputs are equal."""
    import keras

    folder = tmp_path_factory.mktemp("models")
    save(random_model(1), folder / "classifier.keras")
    save(random_model(2, head="linear"), folder / "detector.keras")
    save(random_model(2, side=32, head="linear"), folder / "large.keras")
    inputs = keras.Input((16, 16, 1))
    dense = keras.layers.Dense(1, "sigmoid", bias_initializer=keras.initializers.Constant(float("nan")))
    keras.Model(inputs, dense(keras.layers.Flatten()(inputs))).save(folder / "nan.keras")
    (folder / "bad.tflite").write_bytes(b"no model at all")
    for name, text in (("no_threshold", "{}"), ("odd_threshold", '{"threshold": {"keras": "high"}}')):
        (folder / name).mkdir()
        shutil.copyfile(folder / "classifier.keras", folder / name / "model.keras")
        (folder / name / "model.json").write_text(text)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures") / "game"
    folder.mkdir()
    for number in (1, 2):
        scenes.picture(number).save(folder / f"top-000{number}.png")
    return folder


def run(*arguments, module=predict):
    try:
        return run_main(lambda: module.main([*map(str, arguments), "--jobs", "1"]))
    except SystemExit as error:  # of argparse
        return error.code


def rows(folder):
    with (folder / "detections.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_a_zip_and_a_log_of_the_same_pictures_give_the_same_balls(tmp_path, models, pictures):
    with zipfile.ZipFile(tmp_path / "game.zip", "w") as archive:
        for path in sorted(pictures.glob("*")):
            archive.write(path, path.name)
    found = {}
    for source, radius in ((pictures, (6, 90)), (tmp_path / "game.zip", (90, 6))):  # in any order
        folder = tmp_path / source.suffix
        options = "--threshold", 0.1, "--radius", *radius, "--output-dir", folder / "out"
        assert run(models / "classifier.keras", source, *options) == 0
        found[source] = [(row["frame"], row["camera"], row["score"], row["x"]) for row in rows(folder / "out")]
    assert found[pictures] == found[tmp_path / "game.zip"] != []
    told = json.loads((tmp_path / "out" / "detections.json").read_text(encoding="utf-8"))
    assert told["pictures"] == 2
    assert len(told["detections"]) == told["balls"] == len(found[pictures])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("detections.csv", "detections.json", "pictures", "sheet.png")
    }
    assert len(list((tmp_path / "out" / "pictures").glob("*.jpg"))) == 2


def test_a_file_is_read_once_even_if_several_sources_lead_to_it(tmp_path, models, pictures, capsys):
    file = classification_file(tmp_path / "p.h5", 300)
    (links := tmp_path / "links").mkdir()
    for target in (*pictures.iterdir(), file):
        (links / target.name).symlink_to(target)
    sources = pictures.parent, pictures / "top-0001.png", file, links
    assert run(models / "classifier.keras", *sources, "--threshold", 0, "--output-dir", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "pictures: 2, patches: 300," in said.out
    assert "skipped 4 items: already read" in said.err


def test_a_truncated_log_is_used_up_to_its_end(tmp_path, models, capsys):
    log = write_log(tmp_path / os.fsdecode(b"game\xff.log"), {7: scenes.picture(1), 8: scenes.picture(2)})
    with log.open("ab") as file:
        file.write(struct.pack("<i", 9) + b"Image\0" + struct.pack("<i", 600_000) + bytes(1000))
    assert run(models / "classifier.keras", log, "--threshold", 0.1, "--output-dir", tmp_path / "out") == 0
    assert "ends in the middle" in capsys.readouterr().err
    assert {row["camera"] for row in rows(tmp_path / "out")} == {"top", "bottom"}
    assert {row["frame"] for row in rows(tmp_path / "out")} == {"7", "8"}


def test_pictures_that_cannot_be_read_are_skipped_and_counted(tmp_path, models, capsys):
    folder = tmp_path / "ä b"
    folder.mkdir()
    scenes.picture(1).save(folder / "good \x1b[31m.png")
    whole = (folder / "good \x1b[31m.png").read_bytes()
    (folder / "half.png").write_bytes(whole[: len(whole) // 2])
    (folder / "none.jpg").write_bytes(b"")
    Image.fromarray(np.zeros((60, 80), np.uint16)).save(folder / "deep.png")
    Image.new("P", (640, 20)).save(folder / "flat.png")
    assert run(models / "classifier.keras", folder, "--threshold", 0.1, "--output-dir", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "skipped 2 items: damaged picture" in said.err
    assert "pictures: 3," in said.out
    assert "\x1b" not in said.out + said.err + (tmp_path / "out" / "detections.csv").read_text(encoding="utf-8")


def test_it_is_an_error_if_nothing_in_the_sources_can_be_read(tmp_path, models, capsys):
    (tmp_path / "bad.png").write_bytes(b"x")
    assert run(models / "classifier.keras", tmp_path / "bad.png", "--output-dir", tmp_path / "out") == 2
    assert "error: nothing in the sources could be read. Received: skipped 1 item:" in capsys.readouterr().err
    (tmp_path / "a.log").write_bytes(scenes.entry(3, "BallCandidatesTop", b""))
    assert run(models / "classifier.keras", tmp_path / "a.log", "--output-dir", tmp_path / "out") == 2
    assert "Received: logs without candidates." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_unfinished_folder_of_a_killed_process_is_deleted(tmp_path, models, pictures):
    (tmp_path / "out").mkdir()
    (tmp_path / ".out-left").mkdir()
    (tmp_path / ".out-left" / "in_use.lock").touch()
    assert run(models / "classifier.keras", pictures, "--output-dir", tmp_path / "out") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out-2"]


def test_patches_of_a_file_get_the_scores_of_the_network(tmp_path, models):
    file = classification_file(tmp_path / "p.h5", 600)
    assert run(models / "classifier.keras", file, "--threshold", 0, "--output-dir", tmp_path / "out") == 0
    wanted = make_predictor(load(models / "classifier.keras"))(read_patches(file, "classification").X)[:, 0]
    found = rows(tmp_path / "out")
    assert [int(row["frame"]) for row in found] == list(range(600))
    assert np.allclose([float(row["score"]) for row in found], wanted, atol=1e-6)


def test_the_robots_own_candidates_are_scored_if_a_log_has_no_pictures(tmp_path, models):
    """Candidates are scored at the recorded positions, from the robot's own 16x16 pixels, in two processes."""
    gray = np.random.default_rng(3).integers(0, 256, (16, 16, 1), np.uint8)
    patches = scenes.message(f1=candidate(gray, (100, 80, 140, 120), 0))
    log = tmp_path / "a.log"
    log.write_bytes(scenes.entry(3, "BallCandidatesTop", patches) + scenes.entry(4, "BallCandidates", patches))
    options = "--threshold", "0", "--output-dir", str(tmp_path / "out"), "--jobs", "2"
    assert run_main(lambda: predict.main([str(models / "classifier.keras"), str(log), *options])) == 0
    wanted = float(make_predictor(load(models / "classifier.keras"))(gray[None])[0, 0])
    top, bottom = rows(tmp_path / "out")
    assert (top["camera"], bottom["camera"], top["frame"], bottom["frame"]) == ("top", "bottom", "3", "4")
    assert (top["x"], top["y"], top["left"], top["side"]) == ("120.0", "100.0", "100", "40")
    assert float(top["score"]) == pytest.approx(wanted, abs=1e-6)


def test_the_detector_gives_the_circles_whichever_model_is_named_first(tmp_path, models, pictures):
    pair = models / "classifier.keras", pictures, "--threshold", 0.1, "--detector", models / "detector.keras"
    assert run(*pair, "--output-dir", tmp_path / "a") == 0
    other = models / "detector.keras", pictures, "--threshold", 0.1, "--classifier", models / "classifier.keras"
    assert run(*other, "--output-dir", tmp_path / "b", module=detector_predict) == 0
    assert run(*pair[:4], "--output-dir", tmp_path / "c") == 0
    assert rows(tmp_path / "a") == rows(tmp_path / "b") != []
    assert [row["x"] for row in rows(tmp_path / "a")] != [row["x"] for row in rows(tmp_path / "c")]


def test_a_detector_alone_treats_every_patch_as_a_ball_but_refuses_pictures(tmp_path, models, pictures, capsys):
    file = detection_file(tmp_path / "d.h5", 20)
    assert run(models / "detector.keras", file, "--output-dir", tmp_path / "a", module=detector_predict) == 0
    wanted = make_predictor(load(models / "detector.keras"))(read_patches(file, "detection").X) * 16
    assert np.allclose([float(row["x"]) for row in rows(tmp_path / "a")], wanted[:, 1], atol=0.006)
    assert run(models / "detector.keras", pictures, "--output-dir", tmp_path / "b", module=detector_predict) == 2
    assert "pictures need --classifier" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_cut_reads_the_label_studio_tasks_once_they_are_annotated(tmp_path, models):
    log = write_log(tmp_path / "20260703.log", {7: scenes.picture(1), 8: scenes.picture(2)})
    options = "--threshold", 0.3, "--label-studio", "--output-dir", tmp_path / "out"
    assert run(models / "classifier.keras", log, *options) == 0
    folder = tmp_path / "out" / "label_studio"
    tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    assert len(tasks) == len(list((folder / "pictures").iterdir())) == 4
    for task in tasks:  # as Label Studio exports a task whose predictions were accepted
        task["annotations"] = [{"id": 1, "result": task["predictions"][0]["result"], "was_cancelled": False}]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    command = [tmp_path / "export.json", "--pictures", folder / "pictures", "--output", tmp_path / "root", "--jobs", 1]
    cut(cut_options([*map(str, command)]))
    zips = {path.parent.name: path for path in (tmp_path / "root").rglob("*.zip")}
    assert zips.keys() == {"top", "bottom"}
    assert len(list((tmp_path / "root").rglob("*.zip"))) == 2  # the pictures of a recording stay together
    assert "20260703" in zips["top"].name
    with zipfile.ZipFile(zips["top"]) as archive:
        text = Image.open(archive.open(archive.namelist()[0])).info
    circle = next(row for row in rows(tmp_path / "out") if row["camera"] == "top")
    centre = float(text["p_min_x"]) + float(text["ball_center_x"])
    assert any(abs(centre - float(row["x"])) < 3 for row in rows(tmp_path / "out") if row["camera"] == "top"), circle


def test_exported_files_give_the_same_outputs_as_the_run(tmp_path, models, pictures):
    write(tmp_path / "model.onnx", Layout().network(fold(load(models / "classifier.keras"))))
    options = "--threshold", 0.1, "--output-dir"
    assert run(models / "classifier.keras", pictures, *options, tmp_path / "a") == 0
    assert run(tmp_path / "model.onnx", pictures, *options, tmp_path / "b", "--outputs", "ball") == 0
    assert run(tmp_path / "model.onnx", pictures, *options, tmp_path / "c", "--outputs", "1 - ball") == 0
    scores = [[float(row["score"]) for row in rows(tmp_path / name)] for name in "abc"]
    assert np.allclose(scores[0], scores[1], atol=1e-4)
    assert scores[2] != scores[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{models}/detector.keras", "{pictures}"], "not a classifier"),
        (["{models}/classifier.keras", "{pictures}", "--detector", "{models}/classifier.keras"], "not a detector"),
        (
            ["{models}/classifier.keras", "{pictures}", "--detector", "{models}/large.keras"],
            "different patches",
        ),
        (["{models}/classifier.keras", "{pictures}/missing"], "no such file"),
        (["{models}/classifier.keras", "{models}/bad.tflite"], "not a NaoTH log"),
        (["{models}/classifier.keras", "{models}"], "no picture in it"),
        (["{models}/classifier.keras", "{pictures}", "--radius", "1", "3"], "--radius: takes a number from 2 to 2,000"),
        (["{models}/classifier.keras", "{pictures}", "--threshold", "nan"], "--threshold"),
        (["{models}/no_threshold", "{pictures}"], "no_threshold/model.json is not a model.json of version 1"),
        (["{models}/odd_threshold", "{pictures}"], "odd_threshold/model.json is not a model.json of version 1"),
        (["{models}/nan.keras", "{pictures}"], "NaN or infinite"),
        (["{models}/bad.tflite", "{pictures}", "--threshold", "0.5"], "LiteRT cannot open it"),
        (["{models}/classifier.keras", "{pictures}", "--outputs", "cat"], "cat is not one of ball"),
    ],
)
def test_bad_input_gives_one_line_and_nothing_is_written(tmp_path, models, pictures, capsys, arguments, words):
    filled = [word.format(models=models, pictures=pictures) for word in arguments]
    assert run(*filled, "--output-dir", tmp_path / "out") == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(lines) == 1
    assert words in lines[0]
    assert not list(tmp_path.iterdir())


def test_a_damaged_model_json_is_ignored_with_a_warning_if_a_threshold_is_given(tmp_path, models, pictures, capsys):
    given = models / "no_threshold", pictures, "--threshold", 0.1, "--output-dir", tmp_path / "out"
    assert run(*given) == 0
    said = capsys.readouterr()
    assert "no_threshold/model.json is not a model.json of version 1" in said.err
    assert "threshold 0.1: from the command line" in said.out


def test_patches_of_another_size_are_refused(tmp_path, models, capsys):
    write_patches(tmp_path / "p.h5", np.zeros((4, 32, 32, 1), np.uint8), np.array([0, 1, 0, 1]))
    assert run(models / "classifier.keras", tmp_path / "p.h5", "--output-dir", tmp_path / "out") == 2
    assert "patches have the wrong size" in capsys.readouterr().err
