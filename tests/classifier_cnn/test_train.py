"""Tests the classifier from the command line to the files of a run, with real runs on tiny data."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from classifier_cnn import export, train
from classifier_cnn.options import parse_args
from common.errors import UserError
from dataset_tools.building.patch_writer import write_patches
from robot_export.cpp.weights import literal

from ..tiny import ROOT, bars, check_sections, classification_file, environment, program, tracked_runs

SMALL = ("--filters", "4", "--dense", "8", "--batch-size", "50", "--learning-rate", "0.01", "--tracking", "local")
SMALL += ("--export", "none")  # an export takes seconds, so only some tests export


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    """Returns --data-train, --data-val and --data-test with tiny files.

    Each file has 50 patches without a ball for each of the four patch sizes in the camera picture.
    """
    folder = tmp_path_factory.mktemp("patches")
    arguments, side = [], np.tile([10, 20, 40, 80], 75)
    for seed, split in enumerate(("train", "val", "test")):
        arguments += [f"--data-{split}", str(classification_file(folder / f"{split}.h5", seed=seed, side=side))]
    return arguments


@pytest.fixture(scope="module")
def finished(files, tmp_path_factory) -> Path:
    """Trains a run to the end and returns its folder."""
    output = tmp_path_factory.mktemp("runs")
    more = ("--epochs", "6", "--output-dir", str(output), "--experiment", "tests", "--export", "all")
    more += ("--max-fpr", "0.1")  # 29 patches without a ball are enough to guarantee this rate
    assert train.main([*files, *SMALL, *more]) == 0
    (folder,) = (path.parent for path in output.glob("*/model.json"))
    return folder


def test_a_run_learns_and_writes_all_files(finished):
    model = json.loads((finished / "model.json").read_text())
    for split in ("validation", "test"):
        numbers = model["metrics"][split]
        assert numbers["auroc"] > max(0.95, numbers["baseline_auroc"])
        assert numbers["accuracy"] > numbers["baseline_accuracy"] + 0.2
    assert model["metrics"]["validation"]["false_positive_rate"] <= 0.1
    assert model["status"] == "finished"
    assert [data["name"] for data in model["datasets"].values()] == ["train", "val", "test"]  # one file per split
    assert model["threshold"]["keras"] == model["metrics"]["test"]["threshold"]
    assert set(model["datasets"]) == {"train", "validation", "test"}
    assert model["input"]["mean"] == pytest.approx([_mean(model["datasets"]["train"]["source"])], abs=1e-6)
    rows = (finished / "metrics.csv").read_text().splitlines()
    assert rows[0].startswith("epoch,loss,val_loss,")
    assert [row.split(",")[0] for row in rows[1:]] == ["1", "2", "3", "4", "5", "6"]
    pictures = {path.name for path in finished.glob("*.png")}
    assert {"training_curves.png", "augmentation.png", "validation_curves.png", "test_scores.png"} <= pictures


def test_every_format_is_in_the_folder_in_model_json_and_on_mlflow(finished):
    from robot_export import verify

    told = json.loads((finished / "model.json").read_text())
    assert set(told["forms"]) == {"keras", "h5", "float32", "uint8", "onnx", "cpp", "int16"}
    verify.main([str(finished)])
    client, (run,) = tracked_runs(finished.parent, "tests")
    names = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert {"README.md", "report.html", *(entry["file"] for entry in told["forms"].values())} <= names | {"model.keras"}
    logged = run.data.metrics
    assert logged["multiply_accumulates"] == told["cost"]["multiply_accumulates"]
    assert logged["latency_us"] == pytest.approx(told["forms"]["cpp"]["latency_us"]["median"])
    assert logged["rejected_formats"] == sum(entry["fit"] is False for entry in told["forms"].values())
    card = (finished / "README.md").read_text()
    assert "](test_curves.png)" in card
    assert "game2_0" in card  # the name of a recording in the test file
    page = (finished / "report.html").read_text()
    assert page.count("data:image/png;base64,") == card.count("](") == 6
    assert "By recording, camera and brightness" in page
    assert len(page) < 3_000_000
    choice = told["threshold_choice"]
    assert [row["side_below"] for row in choice["by_side"]] == [16, 32, 64, None]
    assert {row["negatives"] for row in choice["by_side"]} == {50}
    assert choice["sides"] in card
    assert choice["sides"] in page


def _mean(path: str) -> float:
    from common.datasets.patch_file import read_patches

    return float(read_patches(path, "classification").X.mean() / 255)


def test_mlflow_has_the_same_content_as_the_folder(finished):
    client, (run,) = tracked_runs(finished.parent, "tests")
    model = json.loads((finished / "model.json").read_text())
    assert run.info.status == "FINISHED"
    assert run.data.params["filters"] == "[4, 4, 4, 4]"
    assert run.data.params["dense"] == "8"
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    assert run.data.tags["commit"] == (head.stdout.strip() or os.environ.get("BALL_COMMIT", "unknown"))
    assert run.data.tags["mlflow.source.name"] == "classifier_cnn/train.py"
    assert run.data.tags.get("mlflow.source.git.commit", "unknown") == run.data.tags["commit"]
    assert run.info.run_name == "4-4-4-4 d8 train"
    check_sections(client, run, epochs=6)
    described = run.data.tags["mlflow.note.content"]
    assert "| train | train |" in described
    assert "recall at 1 % false positives" in described
    assert not re.search(r"<\w+", described)
    steps = [metric.step for metric in client.get_metric_history(run.info.run_id, "validation/loss")]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert run.data.metrics["test/auroc"] == pytest.approx(model["metrics"]["test"]["auroc"])
    contexts = {tag.value: item.dataset for item in run.inputs.dataset_inputs for tag in item.tags}
    assert set(contexts) == {"training", "validation", "test"}
    for split, context in (("train", "training"), ("test", "test")):
        # MLflow allows 36 characters for a digest.
        assert model["datasets"][split]["digest"].startswith(contexts[context].digest)
    names = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert {"model.json", "config.json", "metrics.csv", "training_curves.png"} <= names


def test_evaluate_gives_the_same_numbers_as_the_run(finished, files, tmp_path, monkeypatch):
    from classifier_cnn import evaluate

    monkeypatch.chdir(tmp_path)
    evaluate.main([str(finished), files[-1], "--output-dir", str(tmp_path / "again")])
    again = json.loads((tmp_path / "again" / "evaluation.json").read_text())
    model = json.loads((finished / "model.json").read_text())
    assert again["metrics"] == pytest.approx(model["metrics"]["test"], abs=1e-6)


def test_resuming_a_finished_run_changes_nothing(finished, capsys):
    before = (finished / "model.json").stat().st_mtime_ns
    assert train.main(["--resume", str(finished)]) == 0
    assert "finished" in capsys.readouterr().out
    assert (finished / "model.json").stat().st_mtime_ns == before


def test_a_killed_and_stopped_run_ends_like_an_uninterrupted_one(files, tmp_path):
    """After kill -9 and SIGTERM, a resumed run has the weights of an uninterrupted run, and MLflow shows one run."""
    import keras

    epochs = ("--epochs", "60")
    assert train.main([*files, *SMALL, *epochs, "--output-dir", str(tmp_path / "whole")]) == 0
    folder = _start_and_signal([*files, *SMALL, *epochs, "--output-dir", tmp_path / "parts"], signal.SIGKILL, -9, 0)
    told = _start_and_signal(["--resume", folder], signal.SIGTERM, 143, 10)
    assert json.loads((told / "model.json").read_text())["status"] == "killed"
    assert (told / "validation_curves.png").exists()
    assert train.main(["--resume", str(folder)]) == 0
    (whole,) = (path.parent for path in (tmp_path / "whole").glob("*/model.json"))
    one, other = (keras.models.load_model(run / "model.keras") for run in (whole, folder))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    rows = (folder / "metrics.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == [str(epoch + 1) for epoch in range(60)]
    client, (run,) = tracked_runs(folder.parent, "classifier_cnn")
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run.info.run_id, "training/loss")
    assert sorted({metric.step for metric in history}) == list(range(1, 61))


def _start_and_signal(arguments: list, number: int, status: int, after: int) -> Path:
    """Starts a run, sends it a signal when metrics.csv has more than `after` epochs, and returns its folder."""
    arguments = [str(argument) for argument in arguments]
    where = Path(arguments[arguments.index("--output-dir") + 1] if "--output-dir" in arguments else arguments[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "classifier_cnn.train", *arguments],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pattern = "*/metrics.csv" if "--output-dir" in arguments else "metrics.csv"
    while process.poll() is None:
        rows = [len(path.read_text().splitlines()) for path in where.glob(pattern)]
        if rows and rows[0] > after + 2:
            process.send_signal(number)
            break
        time.sleep(0.02)
    assert process.wait(600) == status
    (folder,) = (path.parent for path in where.glob(pattern))
    return folder


def test_a_grid_requests_no_export(files, tmp_path):
    assert train.main([*files, *SMALL, "--epochs", "1", "--output-dir", str(tmp_path)]) == 0
    (folder,) = (path.parent for path in tmp_path.glob("*/model.json"))
    told = json.loads((folder / "model.json").read_text())
    assert set(told["forms"]) == {"keras"}
    assert told["forms"]["keras"]["latency_us"] is None
    assert told["cost"]["multiply_accumulates"] == 9216 + 9216 + 2304 + 64 + 32 + 8
    assert not list(folder.glob("*.tflite"))
    assert not (folder / "README.md").exists()
    _, (run,) = tracked_runs(tmp_path, "classifier_cnn")
    assert run.data.metrics["multiply_accumulates"] == told["cost"]["multiply_accumulates"]


def test_a_wrong_export_fails_the_run_but_keeps_its_model_and_metrics(files, tmp_path, monkeypatch):
    from robot_export import plan_files

    original = plan_files.fold

    def wrong_mean(model):
        network = original(model)
        return dataclasses.replace(network, offset=tuple(value + 0.1 for value in network.offset))

    monkeypatch.setattr(plan_files, "fold", wrong_mean)
    with pytest.raises(UserError, match=r"the h5 format differs from the trained model"):
        train.main([*files, *SMALL, "--epochs", "2", "--export", "all", "--output-dir", str(tmp_path)])
    (folder,) = (path.parent for path in tmp_path.glob("*/model.json"))
    told = json.loads((folder / "model.json").read_text())
    assert set(told["forms"]) == {"keras"}
    assert (folder / "model.keras").exists()
    assert not list(folder.glob("*.tflite"))
    _, (run,) = tracked_runs(tmp_path, "classifier_cnn")
    assert run.info.status == "FAILED"
    assert run.data.metrics["validation_final/recall"] == told["metrics"]["validation"]["recall"]
    # Once the fault is gone, the export command completes the run's folder.
    monkeypatch.undo()
    export.main([str(folder), "--calibration", files[1], "--validation", files[3]])
    whole = json.loads((folder / "model.json").read_text())
    assert whole["options"] == told["options"]
    assert whole["threshold"]["keras"] == told["threshold"]["keras"]
    assert whole["forms"]["onnx"]["fit"]
    for name in ("false_positive_bound", "false_positive_rate_high"):
        value = literal(np.float32(whole["metrics"]["validation"][name]))
        assert f"static const float {name} = {value};" in (folder / "model.h").read_text()
    # If export.py is given a different --max-fpr, the guarantee is for that rate.
    monkeypatch.setitem(plan_files.CHOICES, "all", ("keras",))
    export.main([str(folder), "--calibration", files[1], "--validation", files[3], "--max-fpr", "0.3"])
    whole = json.loads((folder / "model.json").read_text())
    assert 0.1 < whole["metrics"]["validation"]["false_positive_bound"] <= 0.3
    assert "one-sided upper bound" in (folder / "README.md").read_text()
    export.main([str(folder), "--calibration", files[1], "--validation", files[3], "--confidence", "0"])
    assert "false_positive_bound" not in json.loads((folder / "model.json").read_text())["metrics"]["validation"]
    with pytest.raises(UserError, match="the run was validated on other patches"):
        export.main([str(folder), "--calibration", files[1], "--validation", files[5]])


def test_fine_tuning_starts_from_a_model(finished, files, tmp_path, monkeypatch):
    arguments = [*files, *SMALL, "--init", str(finished / "model.keras"), "--output-dir", str(tmp_path)]
    assert train.main([*arguments, "--epochs", "1", "--learning-rate", "1e-9", "--dense", "99"]) == 0
    (folder,) = (path.parent for path in tmp_path.glob("*/model.json"))
    tuned, before = (json.loads((run / "model.json").read_text()) for run in (folder, finished))
    assert tuned["options"]["dense"] == 8  # the model's value, whatever the option says
    assert tuned["input"]["mean"] == before["input"]["mean"]
    assert tuned["metrics"]["test"]["auroc"] == pytest.approx(before["metrics"]["test"]["auroc"], abs=0.01)


def test_the_default_family_is_replaced_only_with_a_warning(files, tmp_path, monkeypatch, capsys):
    """Without an archive or a cache, a dry run uses synthetic patches.

    A warning, the run's name and its tags say that the patches are synthetic.
    """
    paths = dict(zip(("train", "validation", "test"), map(Path, files[1::2]), strict=True))
    monkeypatch.setattr("classifier_cnn.data.synthetic_files", lambda *_, **__: paths)
    places = ["--output-dir", str(tmp_path / "runs"), "--data-root", str(tmp_path / "data")]
    assert train.main([*SMALL, "--dry-run", "--offline", *places]) == 0
    (folder,) = (path.parent for path in tmp_path.glob("runs/*/model.json"))
    assert "SYNTHETIC-FALLBACK" in folder.name
    assert "dry-run" in folder.name
    assert len((folder / "metrics.csv").read_text().splitlines()) == 2
    assert json.loads((folder / "model.json").read_text())["synthetic_fallback"] is True
    assert "SYNTHETIC DATA" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--filters", "8", "8"], "--filters takes one number"),
        (["--filters", "0"], "Received: 0 0 0 0"),
        (["--dense", "0"], "--dense takes a whole number from 1"),
        (["--epochs", "0"], "--epochs takes"),
        (["--batch-size", "1"], "--batch-size takes"),
        (["--learning-rate", "-1"], "--learning-rate must be"),
        (["--learning-rate", "nan"], "--learning-rate must be"),
        (["--positive-weight", "0"], "--positive-weight must be"),
        (["--max-fpr", "1"], "--max-fpr must be a rate"),
        (["--seed", "-1"], "--seed takes"),
        (["--init", "no.keras"], "--init takes an existing .keras file"),
        (["--init", __file__], "not a .keras file, or a damaged one"),
        (["--resume", "no-such-run"], "There is no such run"),
        (["--resume", ""], "Received: an empty name"),
        (["--dataset", "synthetik"], "Did you mean synthetic?"),
        (
            ["--dataset", "clasification_patches_yuv422_y_only_pil_legacy_border0_combined_16x16"],
            "Did you mean classification_",
        ),
        (["--dataset", "synthetic", "--data-train", "a.h5"], "--dataset"),
        (["--data-train", "missing.h5"], "missing.h5"),
        (["--data-val", "missing.h5"], "--data-train"),
        (["--data-train", "."], "This is not a plain file. Received: --data-train ."),
        (["--data-train", __file__, "--stream"], "--stream needs a validation file"),
        (["--archive-url", "ftp://x"], "must be http(s)://SERVER[/PATH]. Received: 'ftp://x'"),
        (["--tracking", "deeple"], "Did you mean deepl"),
        (["--tracking", "http://me:secret@127.0.0.1:1"], "credentials"),
        (["--require-tracking", "--tracking", "http://127.0.0.1:1"], "required"),
    ],
)
def test_bad_input_gives_one_clear_line(arguments, words, tmp_path, capsys):
    """The message is printed before anything else and before any folder is created, so nothing is lost."""
    places = ["--output-dir", str(tmp_path / "runs"), "--data-root", str(tmp_path / "data")]
    if not {"--tracking", "--resume"} & set(arguments):
        places += ["--tracking", "local"]
    with pytest.raises(UserError) as error:
        train.main([*arguments, *places])
    assert words in str(error.value)
    assert "secret" not in str(error.value)
    assert capsys.readouterr() == ("", "")
    assert not list(tmp_path.glob("runs/*/config.json"))


def test_bad_files_give_one_clear_line_and_status_2(files, tmp_path):
    """Runs train.py with 16-pixel training and 32-pixel validation patches, and with a file that is not HDF5."""
    other, places = classification_file(tmp_path / "big.h5", size=32), ["--output-dir", str(tmp_path / "runs")]
    arguments = ["--data-train", files[1], "--data-val", other, "--tracking", "local"]
    ended = program("classifier_cnn.train", *arguments, *places)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].count("error: ") == 1
    assert "Traceback" not in ended.stderr
    with pytest.raises(UserError, match=r"test_train\.py"):
        train.main(["--data-train", __file__, "--tracking", "local", *places])
    write_patches(tmp_path / "balls.h5", bars(60, seed=1), np.ones((60, 1), np.uint8))
    with pytest.raises(UserError, match=r"60 balls in 60 training patches.*balls\.h5"):
        train.main(["--data-train", str(tmp_path / "balls.h5"), "--data-val", files[3], "--tracking", "local", *places])
    with pytest.raises(UserError, match=r"--mean takes one brightness per channel, here 1\. Received: 0\.1 0\.2\."):
        train.main(["--data-train", files[1], "--mean", "0.1", "0.2", "--tracking", "local", *places])
    assert not list(tmp_path.glob("runs/*/config.json"))


def test_a_loss_that_is_not_finite_ends_the_run_as_failed(finished, files, tmp_path):
    import keras

    model = keras.models.load_model(finished / "model.keras")
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    model.save(tmp_path / "broken.keras")
    places = ["--init", str(tmp_path / "broken.keras"), "--output-dir", str(tmp_path)]
    with pytest.raises(UserError, match="no longer a finite number"):
        train.main([*files, *SMALL, *places])
    _, (run,) = tracked_runs(tmp_path, "classifier_cnn")
    assert run.info.status == "FAILED"


def test_help_and_a_typo_import_nothing_heavy():
    code = (
        "import sys\nfrom classifier_cnn import train\n"
        "try: train.main(sys.argv[1:])\nexcept SystemExit as end: status = end.code\n"
        "heavy = {'numpy', 'h5py', 'tensorflow', 'keras', 'mlflow', 'sklearn', 'matplotlib', 'requests'}\n"
        "print(status, sorted(heavy & set(sys.modules)))"
    )
    for argument, status in (("--help", 0), ("--filtres", 2)):
        ended = subprocess.run(
            [sys.executable, "-c", code, argument], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert ended.stdout.splitlines()[-1] == f"{status} []"


def test_the_script_runs_from_its_folder_and_from_anywhere(tmp_path):
    script = ROOT / "classifier_cnn" / "train.py"
    for folder, name in ((script.parent, script.name), (tmp_path, script)):
        ended = subprocess.run([sys.executable, name, "--help"], cwd=folder, capture_output=True, text=True, check=True)
        assert "--positive-weight" in ended.stdout


def test_a_single_filter_count_applies_to_all_convolutions():
    assert parse_args(["--filters", "8"]).filters == (8, 8, 8, 8)
    assert parse_args(["--filters", "4", "4", "8", "8"]).filters == (4, 4, 8, 8)
