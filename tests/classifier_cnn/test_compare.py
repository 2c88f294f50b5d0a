import csv
import json
import shutil

import numpy as np
import pytest

from classifier_cnn import compare, metrics
from common.cli.program import run_main
from common.datasets.patch_file import read_patches
from dataset_tools.building.patch_writer import write_patches

from ..robot_export.jobs import DATASET, write_model_json

# Keras 3.15 reads its TensorFlow variables in a way that NumPy 2 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning:keras")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Makes networks whose score can be computed by hand: it is the brightness of the whole patch or of one pixel."""
    import keras

    folder = tmp_path_factory.mktemp("models")

    def save(name, outputs=1, size=16, bias="zeros", pixel=False, told=None):
        inputs = keras.Input((size, size, 1))
        x = keras.layers.Rescaling(1 / 255, -0.5)(inputs)
        x = keras.layers.Flatten()(keras.layers.Cropping2D(((0, 15), (0, 15)))(x) if pixel else x)
        weights = keras.initializers.Constant(1.0 if pixel else 4 / size**2)
        dense = keras.layers.Dense(outputs, "sigmoid", kernel_initializer=weights, bias_initializer=bias)
        (folder / name).mkdir()
        keras.Model(inputs, dense(x)).save(folder / name / "model.keras")
        write_model_json(folder / name, **told or {})

    save("good")
    save("poor", pixel=True)
    save("large", size=32)
    save("circles", outputs=3)
    save("nan", bias=keras.initializers.Constant(float("nan")))
    family = {"name": "classification_patches_yuv422_y_only_pil_legacy_border10_combined_16x16"}
    save("bordered", told={"datasets": dict.fromkeys(("train", "validation"), DATASET | family)})
    save("none", told={"threshold": {}})
    shutil.copyfile(folder / "good" / "model.keras", folder / "alone.keras")
    return folder


def write(path, recordings=12, **changed):
    """Writes noisy patches with two brightness levels. Bright patches are balls. Each recording has 20 patches."""
    rng = np.random.default_rng(0)
    y = np.arange(20 * recordings) % 2
    level = np.where(y == 1, 150, 100)[:, None, None, None]
    X = np.clip(level + rng.normal(0, 40, (len(y), 16, 16, 1)), 0, 255).astype(np.uint8)
    columns = {
        "recording": [f"game{i // 20}" for i in range(len(y))],
        "camera": [("top", "bottom")[i % 3 > 0] for i in range(len(y))],
    }
    write_patches(path, X, y[:, None].astype(np.uint8), **columns | changed)
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("patches") / "patches.h5", side=np.linspace(8, 80, 240))


def run(*arguments):
    try:
        return run_main(lambda: compare.main([str(argument) for argument in arguments]))
    except SystemExit as error:
        return error.code


def test_the_better_model_is_named_and_the_patches_that_changed_are_counted(models, file, tmp_path, capsys):
    assert run(models / "poor", models / "good", file, "--output-dir", tmp_path / "out") == 0
    out, told = capsys.readouterr().out, json.loads((tmp_path / "out" / "comparison.json").read_text())
    found = told["against_A"]["B"]
    first = found["numbers"][0]
    assert first["measure"] == "recall at 1 % false positives"
    assert first["verdict"] == "better"
    assert 0 < first["interval"][0] < first["difference"] < first["interval"][1]
    assert found["sentence"].startswith("B is better: recall at 1 % false positives")
    assert found["sentence"] in out
    with (tmp_path / "out" / "scores.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    right = np.array(
        [[(float(row[key]) >= 0.5) == (row["label_score"] == "1") for key in ("A_score", "B_score")] for row in rows]
    )
    every, *groups = found["groups"]
    assert (every["fixed"], every["broken"]) == (np.sum(~right[:, 0] & right[:, 1]), np.sum(right[:, 0] & ~right[:, 1]))
    assert {row["group"] for row in groups} == {"side", "brightness", "camera", "recording"}
    for kind in ("side", "camera", "recording"):
        assert sum(row["fixed"] for row in groups if row["group"] == kind) == every["fixed"] > 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("comparison.json", "comparison.png", "fixed.png", "broken.png", "scores.csv")
    }
    assert "threshold 0.5, shipped with the model" in out


def test_a_model_does_not_differ_from_itself(models, file, tmp_path, capsys):
    assert run(models / "good", models / "alone.keras", models / "poor", file, "--output-dir", tmp_path / "out") == 0
    told = json.loads((tmp_path / "out" / "comparison.json").read_text())["against_A"]
    assert told["B"]["sentence"].startswith("no difference shown")
    assert "B: alone  threshold 0.5, the default, because the model has none" in capsys.readouterr().out
    assert {(row["difference"], *row["interval"], row["verdict"]) for row in told["B"]["numbers"]} == {
        (0, 0, 0, "none")
    }
    assert (told["B"]["groups"][0]["fixed"], told["B"]["groups"][0]["broken"]) == (0, 0)
    assert told["C"]["sentence"].startswith("A is better")
    assert (tmp_path / "out" / "fixed_C.png").is_file()


def test_a_bootstrap_sample_has_the_same_metrics_as_its_patches():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 300)
    scores = np.clip(0.3 * y + rng.uniform(0, 0.7, 300), 0, 1).round(2).astype(np.float32)
    measure = metrics.of_drawn_patches(y, scores, 0.5, (0.1,))
    for rows in (np.arange(300), rng.integers(0, 300, 300)):
        drawn = metrics.evaluate(y[rows], scores[rows], 0.5)
        _, auroc, recall, rate = measure(np.bincount(rows, minlength=300))
        assert [auroc, recall, rate] == pytest.approx(
            [drawn[key] for key in ("auroc", "recall", "false_positive_rate")]
        )
    assert measure(y) == (None,) * 4


def test_recall_at_equal_fpr_is_that_of_the_roc_if_there_are_no_ties():
    rng = np.random.default_rng(2)
    y, scores = rng.integers(0, 2, 500), rng.permutation(500) / 500
    points = metrics.curve(y, scores)
    for rate in (0, 0.001, 0.01, 0.29, 1):
        found = metrics.recall_at_equal_fpr(points.true_positives, points.false_positives, rate)
        assert found == metrics.recall_at_fpr(points, rate)


def test_recall_at_equal_fpr_breaks_ties_at_random():
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 400)
    scores = np.clip(0.25 * y + rng.uniform(0, 0.75, 400), 0, 1).round(1)
    points = metrics.curve(y, scores)
    found = metrics.recall_at_equal_fpr(points.true_positives, points.false_positives, 0.1)
    broken = [metrics.curve(y, scores + rng.uniform(0, 1e-3, 400) - 1e-3 * (scores > 0.5)) for _ in range(400)]
    assert found == pytest.approx(np.mean([metrics.recall_at_fpr(curve, 0.1) for curve in broken]), abs=0.01)
    assert found > metrics.recall_at_fpr(points, 0.1)


def test_a_foreign_file_with_a_description_can_be_compared(models, file, tmp_path, capsys):
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("ReduceMean", ["flat"], ["logit"], axes=[1])],
        "foreign",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16, 16, 1])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n", 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "foreign.onnx")
    described = ("--input-scale", str(4 / 255), "--input-offset", "-2", "--threshold", "0.5")
    given = (models / "good", tmp_path / "foreign.onnx", file, "--output-dir", tmp_path / "out")
    assert run(*given, *described) == 2
    assert "--outputs logit" in capsys.readouterr().err
    assert run(*given, *described, "--outputs", "logit") == 0
    told = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert told["against_A"]["B"]["numbers"][0]["difference"] == pytest.approx(0, abs=0.01)  # the same function
    assert told["models"][1]["threshold"] == 0.5


@pytest.mark.parametrize("text", [None, '{"version": 1}', "damaged"])
def test_threshold_is_used_for_every_model_without_a_threshold(models, file, tmp_path, text, capsys):
    """A model file has no threshold of its own if the model.json beside it is damaged or does not list the file."""
    folder = shutil.copytree(models / "good", tmp_path / "run")
    other = folder / "model.keras" if text else shutil.copyfile(folder / "model.keras", folder / "mine.keras")
    if text:
        (folder / "model.json").write_text(text)
    given = (models / "good", other, file, "--threshold", "0.7", "--output-dir", tmp_path / "out")
    assert run(*given) == 0
    told = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [model["threshold"] for model in told["models"]] == [0.5, 0.7]
    assert ("model.json" in capsys.readouterr().err) == (text is not None)


@pytest.mark.parametrize(
    ("recordings", "changed", "note"),
    [
        (1, {}, "only one recording"),
        (3, {}, "only 3 recordings"),
        (2, {"recording": None}, "name no recordings"),
    ],
)
def test_few_recordings_are_reported(models, tmp_path, capsys, recordings, changed, note):
    file = write(tmp_path / "few.h5", recordings, **changed)
    assert run(models / "poor", models / "good", file, "--output-dir", tmp_path / "out") == 0
    assert note in capsys.readouterr().out
    row = json.loads((tmp_path / "out" / "comparison.json").read_text())["against_A"]["B"]["numbers"][1]
    assert row["interval"][0] < row["interval"][1]  # drawing only whole recordings would give an interval of width 0


def test_patches_without_any_ball_give_no_result_and_no_error(models, tmp_path, capsys):
    X = read_patches(write(tmp_path / "all.h5"), "classification").X
    write_patches(tmp_path / "negatives.h5", X, np.zeros((len(X), 1), np.uint8))
    assert run(models / "poor", models / "good", tmp_path / "negatives.h5", "--output-dir", tmp_path / "out") == 0
    assert "no difference shown: recall at 1 % false positives is undefined" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["good", "FILE"], "needs 2 to 26 models"),
        (["good", "nowhere", "FILE"], "the model does not exist"),
        (["good", "nowhere.onnx", "FILE"], "There is no such file"),
        (["good", "empty.onnx", "FILE"], "This file is empty. Received: empty.onnx"),
        (["good", "empty.tflite", "FILE"], "This file is empty. Received: empty.tflite"),
        (["good", "good", "FILE", "FILE"], "A file or folder is given twice"),
        (["good", "large", "FILE"], "take different patches. Received: good: 16x16x1, border 0; large: 32x32x1"),
        (["good", "bordered", "FILE"], "Received: good: 16x16x1, border 0; bordered: 16x16x1, border 10"),
        (["large", "LARGE", "FILE"], "take 32x32x1 patches"),
        (
            ["good", "good", "FILE"],
            "A file or folder is given twice. Received: good/model.keras and good/model.keras",
        ),
        (["good", "circles", "FILE"], "circles"),
        (["good", "nan", "FILE"], "NaN or infinite"),
        (["good", "none", "FILE"], "threshold: 'keras' is a required property"),
        (["good", "poor"], "then patch files (.h5). Received: good poor"),
        (["good", "poor", "missing.h5"], "missing.h5"),
        (["good", "poor", "EMPTY"], "This file is empty."),
        (["good", "poor", "FILE", "--max-fpr", "1"], "--max-fpr"),
        (["good", "poor", "FILE", "--threshold", "nan"], "--threshold"),
    ],
)
def test_bad_input_gives_one_line_and_status_2(models, file, tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(models)
    for empty in (tmp_path / "empty.h5", models / "empty.onnx", models / "empty.tflite"):
        empty.touch()
    paths = {"FILE": file, "EMPTY": tmp_path / "empty.h5", "LARGE": tmp_path / "large"}
    if "LARGE" in arguments:
        shutil.copytree(models / "large", paths["LARGE"])
    arguments = [paths.get(argument, argument) for argument in arguments]
    assert run(*arguments, "--output-dir", tmp_path / "out") == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert not captured.out
    assert not (tmp_path / "out").exists()
