import csv
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from classifier_cnn import evaluate, metrics
from classifier_cnn.summary import group_table, table
from common.cli.program import run_main
from common.datasets.patch_file import read_patches
from common.runs.evaluation import load_predictor
from common.training import predictor
from dataset_tools.building.patch_writer import write_patches

# Keras 3.15 reads its TensorFlow variables in a way that NumPy 2 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning:keras")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Makes a folder with a run (model.keras, model.json), and with models that cannot score the patches."""
    import keras

    folder = tmp_path_factory.mktemp("models")

    def save(path, outputs, channels=1, bias="zeros"):
        inputs = keras.Input((16, 16, channels))
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255, -0.5)(inputs))
        # The score depends only on the mean brightness, so it can be computed by hand.
        dense = keras.layers.Dense(outputs, "sigmoid", kernel_initializer="ones", bias_initializer=bias)
        keras.Model(inputs, dense(x)).save(path)

    (folder / "run").mkdir()
    save(folder / "run" / "model.keras", 1)
    (folder / "run" / "model.json").write_text(json.dumps({"threshold": {"keras": 0.55}}))
    with zipfile.ZipFile(folder / "zip.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    (folder / "model.onnx").write_bytes(b"\x08\x08")
    save(folder / "three.keras", 3)
    save(folder / "colour.keras", 1, channels=2)
    save(folder / "broken.keras", 1, bias=keras.initializers.Constant(float("nan")))
    return folder


@pytest.fixture
def file(tmp_path):
    """Writes 50 patches of uniform brightness, from 0 to 255. Bright patches are balls, but two labels are wrong."""
    level = np.linspace(0, 255, 50).round().astype(np.uint8)
    y = (level > 150).astype(np.float32)
    y[[5, 45]] = 1, 0
    names = np.array(["log1", "log2"])[np.arange(50) % 2]
    camera = np.array(["top", "bottom"])[np.arange(50) // 25]
    write_patches(
        tmp_path / "patches.h5", np.tile(level[:, None, None, None], (1, 16, 16, 1)), y, recording=names, camera=camera
    )
    return tmp_path / "patches.h5"


def score_of(patches):
    return 1 / (1 + np.exp(0.5 - patches.X[:, 0, 0, 0] / 255))


@pytest.mark.parametrize("batch", [1, 7, 50, 1024])
def test_every_patch_is_scored_in_order_whatever_the_batch_size(models, file, monkeypatch, batch):
    monkeypatch.setattr(predictor, "BATCH", batch)
    patches = read_patches(file, "classification")
    scores = load_predictor(models / "run" / "model.keras", (16, 16, 1), 1)(patches.X)[:, 0]
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, score_of(patches), rtol=1e-5)


def test_the_command_writes_numbers_scores_and_pictures(models, file, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BALL_OUTPUT_DIR", str(tmp_path))
    assert run_main(lambda: evaluate.main([str(models / "run"), str(file), "--max-fpr", "0.05"])) == 0
    folder, out = tmp_path / "evaluation-run", capsys.readouterr().out
    patches = read_patches(file, "classification")
    with (folder / "scores.csv").open(newline="") as rows:
        rows = list(csv.DictReader(rows))
    scores = np.array([float(row["score"]) for row in rows], np.float32)
    np.testing.assert_allclose(scores, score_of(patches), rtol=1e-5)
    assert [(row["label"], row["recording"], row["camera"]) for row in rows[4:6]] == [
        ("0", "log1", "top"),
        ("1", "log2", "top"),
    ]
    written = json.loads((folder / "evaluation.json").read_text())
    interval = metrics.false_positive_interval(patches.y, scores, 0.55, patches.recording)
    expected = metrics.evaluate(patches.y, scores, 0.55) | metrics.baseline(patches.y, patches.X) | interval
    assert written["metrics"] == expected
    assert "false balls per minute" in written["notes"][0]
    rows = {row["name"]: row for row in written["groups"]}
    lights = ["dark, mean Y below 70", "mean Y 70 to 140", "bright, mean Y 140 and more"]
    assert rows.keys() == {"log1", "log2", "top", "bottom", *lights}
    level = patches.X[:, 0, 0, 0]
    counts = [np.sum(level < 70), np.sum((level >= 70) & (level < 140)), np.sum(level >= 140)]
    assert [rows[light]["patches"] for light in lights] == counts
    assert written["digest"] == patches.digest
    assert written["chosen_on_these_files"]["false_positive_rate"] <= 0.05
    assert written["chosen_on_these_files"]["by_side"] is None
    assert "One threshold for all sizes: the side of the patches in the camera picture is unknown." in out
    assert {path.suffix for path in folder.iterdir()} == {".png", ".csv", ".json"}
    assert "0.55: shipped with the model" in out
    assert str(folder) in out
    assert f"{written['metrics']['recall']:.2%}" in out


def test_files_with_the_same_name_get_separate_results(models, file, tmp_path):
    twins = [tmp_path / name / "set" / file.name for name in ("a", "b")]
    for twin in twins:
        twin.parent.mkdir(parents=True)
        twin.write_bytes(file.read_bytes())
    evaluate.main([str(models / "run"), *map(str, twins), "--output-dir", str(tmp_path / "out")])
    names = [f"{name}/set/{file.name}" for name in ("a", "b")]
    with (tmp_path / "out" / "scores.csv").open(newline="") as rows:
        assert [row["file"] for row in csv.DictReader(rows)] == [name for name in names for _ in range(50)]
    groups = json.loads((tmp_path / "out" / "evaluation.json").read_text())["groups"]
    assert dict.fromkeys(names, 50) == {row["name"]: row["patches"] for row in groups if row["name"] in names}


def test_a_second_run_uses_another_folder_and_the_given_threshold(models, file, tmp_path, capsys):
    for _ in range(2):
        evaluate.main(
            [
                str(models / "run" / "model.keras"),
                str(file),
                "--threshold",
                "0.6",
                "--output-dir",
                str(tmp_path / "out"),
            ]
        )
    for name in ("out", "out-2"):
        assert json.loads((tmp_path / name / "evaluation.json").read_text())["metrics"]["threshold"] == 0.6
    assert "0.6: from the command line" in capsys.readouterr().out


def test_several_files_are_scored_together_and_separately(models, file, tmp_path, capsys):
    other = tmp_path / "other.h5"
    write_patches(other, np.full((3, 16, 16, 1), 200, np.uint8), np.zeros(3, np.float32))
    evaluate.main([str(models / "run"), str(file), str(other), "--output-dir", str(tmp_path / "out")])
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert written["metrics"]["patches"] == 53
    rows = {row["name"]: row for row in written["groups"]}
    assert rows["other.h5"]["false_positives"] == 3
    assert "recall" not in rows["other.h5"]
    assert "other.h5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "FILE"], "the model does not exist"),
        (["FILE", "FILE"], "not a .keras file"),
        (["model.onnx", "FILE"], "use compare.py or predict.py"),
        (["run", "nowhere.h5"], "nowhere.h5"),
        (["run", "FILE", "FILE"], "A file or folder is given twice"),
        (["run", "run/model.keras"], "not an HDF5 file"),
        (["zip.keras", "FILE"], "cannot be loaded"),
        (["three.keras", "FILE"], "not a classifier"),
        (["colour.keras", "FILE"], "takes 16x16x2 patches"),
        (["broken.keras", "FILE"], "NaN or infinite"),
        (["run", "FILE", "--max-fpr", "1"], "at least 0 and below 1"),
        (["run", "FILE", "--threshold", "nan"], "threshold"),
        (["run", "FILE", "--treshold", "0.5"], "--threshold"),
        (["run"], "FILE"),
    ],
)
def test_bad_input_gives_one_line_and_status_2(models, file, tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(models)
    arguments = [str(file) if argument == "FILE" else argument for argument in arguments]
    try:
        status = run_main(lambda: evaluate.main([*arguments, "--output-dir", str(tmp_path / "out")]))
    except SystemExit as error:
        status = error.code
    captured = capsys.readouterr()
    assert status == 2
    assert message in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert not captured.out
    assert not (tmp_path / "out").exists()


def test_arguments_are_checked_before_anything_heavy_is_imported():
    code = (
        "import sys; from classifier_cnn import evaluate; evaluate.parse_args(['m', 'f']);"
        "print([name for name in ('numpy', 'h5py', 'matplotlib', 'tensorflow', 'keras') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("command", [["evaluate.py"], ["-m", "classifier_cnn.evaluate"]])
def test_runs_as_a_script_in_its_folder_and_as_a_module(command):
    folder = Path(evaluate.__file__).parent
    done = subprocess.run([sys.executable, *command, "--help"], cwd=folder, capture_output=True, text=True, check=True)
    assert "MODEL FILE" in done.stdout


def test_the_table_shows_sets_side_by_side_and_a_dash_for_a_missing_number():
    text = table({"validation": metrics.evaluate([1, 0], [0.9, 0.1], 0.5), "test": metrics.evaluate([0], [0.1], 0.5)})
    lines = {line[:30].strip(): line[30:].split() for line in text.splitlines()}
    assert lines["recall"] == ["100.00%", "-"]
    assert lines["patches"] == ["2", "1"]
    assert text.splitlines()[0].split() == ["validation", "test"]


def test_the_group_table_shows_most_errors_first_and_counts_the_rest():
    labels, names = np.zeros(90), np.repeat([f"log{i:02}" for i in range(15)], 6)
    scores = np.where(names == "log07", 0.9, 0.1)
    text = group_table(metrics.evaluate_groups(labels, scores, 0.5, recording=names))
    lines = text.strip().splitlines()
    assert lines[1].endswith("log07")
    assert "3 more" in lines[-1]
    assert len(lines) == 14
    assert group_table([]) == ""
