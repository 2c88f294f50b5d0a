"""Tests that mine.py chooses useful patches, leaves out similar ones and collects negatives from certified pictures."""

import csv
import json
import os
import zipfile
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image

from classifier_cnn import mine, mining
from classifier_cnn.options import Options
from common.cli.program import run_main
from common.training.safe_keras_file import save
from dataset_tools import cut
from dataset_tools.sources.patch_sources import naoth_chunks, read

from ..dataset_tools.annotations import scenes
from ..dataset_tools.annotations.test_naoth_log import write_log
from ..robot_export.models import random_model
from ..tiny import classification_file

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning:keras")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for seed in (1, 2):
        save(random_model(seed), folder / f"model{seed}.keras")
    return folder


def run(*arguments):
    try:
        return run_main(lambda: mine.main([*map(str, arguments), "--jobs", "1"]))
    except SystemExit as error:  # of argparse
        return error.code


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_log_gives_a_report_a_table_and_tasks(tmp_path, models, capsys):
    log = write_log(tmp_path / os.fsdecode(b"game\xff.log"), {30 * i: scenes.picture(i) for i in range(3)})
    found = run(models / "model1.keras", log, "--models", models / "model2.keras", "--output-dir", tmp_path / "out")
    assert found == 0
    said = capsys.readouterr()
    assert "pictures: 6, recordings: 1" in said.out
    table = rows(tmp_path / "out" / "to_label.csv")
    assert 0 < len(table) <= 12
    interest = [2 * np.std([float(row["score_1"]), float(row["score_2"])]) for row in table]
    assert np.allclose(interest, [float(row["interest"]) for row in table], atol=1e-5)
    assert interest == sorted(interest, reverse=True)
    tasks = json.loads((tmp_path / "out" / "label_studio" / "tasks.json").read_text(encoding="utf-8"))
    assert len(tasks) == len(list((tmp_path / "out" / "label_studio" / "pictures").iterdir()))
    assert all("look_at" in task["data"] for task in tasks)
    assert not list(tmp_path.glob(".*"))


def test_patches_of_a_file_are_counted_and_chosen_one_by_one(tmp_path, models, capsys):
    file = classification_file(tmp_path / "p.h5", 300)
    assert run(models / "model1.keras", file, "--count", 20, "--output-dir", tmp_path / "out") == 0
    assert "pictures: 300, recordings: 1, candidates: 300" in capsys.readouterr().out
    interest = [1 - 2 * abs(float(row["score_1"]) - 0.5) for row in rows(tmp_path / "out" / "to_label.csv")]
    assert len(interest) == 20
    assert interest == sorted(interest, reverse=True)


def test_false_alarms_become_negatives_that_touch_no_ball(tmp_path, models):
    scenes.write_pictures(tmp_path / "game")
    source = scenes.coco(tmp_path / "game")
    options = (
        "--threshold",
        0,
        "--per-second",
        30,
        "--candidates",
        60,
        "--negatives",
        tmp_path / "root",
        "--output-dir",
        tmp_path / "out",
    )
    assert run(models / "model1.keras", tmp_path / "game", "--certified", source, *options) == 0
    texts = []
    for path in (tmp_path / "root").rglob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            texts += [Image.open(archive.open(member)).info for member in archive.namelist()]
    assert {text["picture"] for text in texts} == {name for name, boxes in scenes.SCENES.items() if boxes}
    assert {text["ball_intersect"] for text in texts} == {"0"}
    # When datasets are built, the negatives go into the same split as the recording that they come from.
    assert cut.main([str(source), "--output", str(tmp_path / "root")]) == 0
    for chunk in naoth_chunks(tmp_path / "root", 0):
        game = chunk.recording.removesuffix("-false-alarms")
        assert {patch.recording for patch in read(chunk, sha256())} == {game}
        assert (tmp_path / "root" / chunk.camera / f"{game}.zip").exists()
    for text in texts:
        left, top, right, bottom = (float(text[f"p_{end}_{axis}"]) for end in ("min", "max") for axis in "xy")
        for kind, a, b, c, d in scenes.SCENES[text["picture"]]:
            assert kind != "ball" or not (left < c and right > a and top < d and bottom > b)


def test_the_training_files_of_a_run_are_found(tmp_path):
    file = classification_file(tmp_path / "train.h5", 60)
    options = Options(data_train=(file,)).as_json()
    (tmp_path / "config.json").write_text(json.dumps({"options": options, "datasets": {}}))
    assert mining.training_files(tmp_path) == [file]


def test_no_command_for_negatives_is_printed_if_there_are_none(tmp_path, models, capsys):
    scenes.picture(1).save(tmp_path / "a.png")
    given = tmp_path / "a.png", "--no-ball", tmp_path / "a.png", "--threshold", 1, "--negatives", tmp_path / "root"
    assert run(models / "model1.keras", *given, "--output-dir", tmp_path / "out") == 0
    out = capsys.readouterr().out
    assert "written as negatives: 0" in out
    assert "Build datasets" not in out


def test_a_damaged_file_of_certified_pictures_is_reported_before_the_scan(tmp_path, models, capsys, monkeypatch):
    scenes.picture(1).save(tmp_path / "a.png")
    (tmp_path / "bad.h5").write_bytes(b"x")
    out = tmp_path / "out"
    given = tmp_path / "a.png", "--certified", tmp_path / "bad.h5", "--output-dir", out
    monkeypatch.setattr(mining, "scan", lambda *_: iter(lambda: pytest.fail("a scan began"), None))
    assert run(models / "model1.keras", *given) == 2
    assert "bad.h5" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rule", "models"], "Add more models with --models"),
        (["--per-second", "0"], "--per-second"),
        (["--fps", "nan"], "--fps"),
        (["--no-ball", "nowhere"], "nowhere"),
        (["--training", "nowhere.h5"], "nowhere.h5"),
        (["--threshold", "2"], "--threshold: takes a number of at least 0 and below 2"),
        (["--no-ball", "a.png", "--threshold", "0", "--negatives", "a.png/root"], "another --negatives"),
    ],
)
def test_bad_input_gives_one_line_and_nothing_is_written(tmp_path, models, capsys, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "a.png"
    scenes.picture(1).save(source)
    assert run(models / "model1.keras", source, "--output-dir", tmp_path / "out", *options) == 2
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
