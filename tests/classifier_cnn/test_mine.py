"""mine.py selects informative patches, leaves out similar ones, and collects certain negatives."""

import csv
import json
import os
import zipfile
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image

from classifier_cnn import mine, mining
from common.cli.program import run_main
from common.training.safe_keras_file import save
from dataset_tools import cut
from dataset_tools.annotations.record import Place, Record
from dataset_tools.building.patch_writer import write_patches
from dataset_tools.mining import ranking
from dataset_tools.mining.ranking import Known, Pool
from dataset_tools.scanning.scan import Found
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


def patch(seed, size=16):
    """A patch of low frequencies: different seeds look different, and a slightly brighter copy looks the same."""
    coarse = np.random.default_rng(seed).integers(30, 220, (5, 5), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))[..., None]


def found_in(frame, count=3, log=True):
    place = Place(0, 9, "ImageTop", frame) if log else None
    record = Record(f"{frame:07d}_top", (), False, None, "game.log", "top", "game", place)
    boxes = np.tile([[0, 0, 16, 16]], (count, 1))
    return Found(record, boxes, np.stack([patch(i) for i in range(count)]), (640, 480))


def test_interest_is_highest_where_the_model_is_uncertain():
    assert ranking.nearest_to_half(np.array([[0.5], [0.0], [1.0], [0.75]])).tolist() == [1, 0, 0, 0.5]
    assert ranking.disagreement(np.array([[0, 1], [0.3, 0.3]])).tolist() == [1, 0]


@pytest.mark.parametrize("channels", [1, 2])
def test_views_are_the_same_patch_and_keep_u_and_v_apart(channels):
    X = np.repeat(patch(3)[None], channels, axis=3).copy()
    X[..., -1] = np.tile([10, 200], 8) if channels == 2 else X[..., -1]
    views = list(ranking.views(X))
    assert len(views) == 6
    assert np.array_equal(views[1][:, :, ::-1, 0], X[..., 0])
    for view in views:
        assert view.shape == X.shape
        if channels == 2:
            assert (view[..., 1] == X[..., 1]).all()


def test_only_the_best_few_patches_of_a_second_are_kept():
    pool = Pool(per_second=2, fps=30, scale=1.3)
    for frame in range(90):
        interest = np.array([frame % 30 / 40, 0.0, frame % 30 / 50])
        pool.add(found_in(frame), np.zeros((3, 1)), interest, (np.empty((0, 3)), np.empty(0)))
    ranked = pool.ranked()
    assert [choice.record.place.frame for choice in ranked] == [29, 59, 89, 28, 58, 88]
    assert pool.crowded > 0


def test_the_pool_stays_small_and_keeps_the_best(monkeypatch):
    monkeypatch.setattr(ranking, "POOL_MAX", 100)
    pool, interest = Pool(2, 30, 1.3), np.random.default_rng(0).random(3000)
    for frame, value in enumerate(interest):
        pool.add(found_in(frame * 30, 1), np.zeros((1, 1)), np.array([value]), (np.empty((0, 3)), np.empty(0)))
        assert len(pool._held) <= 100
    best = [choice.interest for choice in pool.ranked()[:40]]
    assert best == sorted(interest, reverse=True)[:40]


def test_no_patch_similar_to_the_training_data_or_to_another_one_is_chosen(tmp_path):
    X = np.stack([patch(seed) for seed in range(20)])
    write_patches(tmp_path / "train.h5", X, np.arange(20) % 2)
    known = Known([tmp_path / "train.h5"])
    brighter = np.clip(patch(7).astype(int) + 20, 0, 255).astype(np.uint8)
    assert [known.like(x) for x in (brighter, patch(50), patch(51), patch(50))] == ["training", "", "", "chosen"]


def test_a_round_from_a_log_to_tasks_a_sheet_and_a_report(tmp_path, models, capsys):
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
    # When datasets are built, the negatives stay on the side of the recording that they are from.
    assert cut.main([str(source), "--output", str(tmp_path / "root")]) == 0
    for chunk in naoth_chunks(tmp_path / "root", 0):
        game = chunk.recording.removesuffix("-false-alarms")
        assert {patch.recording for patch in read(chunk, sha256())} == {game}
        assert (tmp_path / "root" / chunk.camera / f"{game}.zip").exists()
    for text in texts:
        left, top, right, bottom = (float(text[f"p_{end}_{axis}"]) for end in ("min", "max") for axis in "xy")
        for kind, a, b, c, d in scenes.SCENES[text["picture"]]:
            assert kind != "ball" or not (left < c and right > a and top < d and bottom > b)


def test_a_damaged_file_of_certified_pictures_is_told_before_the_scan(tmp_path, models, capsys, monkeypatch):
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
        (["--rule", "models"], "Add others with --models"),
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
