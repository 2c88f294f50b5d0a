"""Tests the detector from the command line to the files of a run, with real runs on tiny data."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest

from common.datasets.patch_file import read_patches
from common.errors import UserError
from common.runs.run_folder import RunFolder
from detector_cnn_ball_radius_center import evaluate, train, training
from detector_cnn_ball_radius_center.options import DEFAULT_STEM, LOSSES, parse_args

from ..tiny import ROOT, check_sections, classification_file, detection_file, program, tracked_runs

SMALL = ("--filters", "4", "--dense", "8", "--batch-size", "50", "--tracking", "local")
SMALL += ("--export", "none")  # an export takes seconds, so only some tests export
EPOCHS = ("--epochs", "25")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    """Returns --data-train and --data-val with tiny files. As in the older families, there is no test file."""
    folder = tmp_path_factory.mktemp("patches")
    arguments = []
    for seed, split in enumerate(("train", "val")):
        arguments += [f"--data-{split}", str(detection_file(folder / f"{split}.h5", 600 - 400 * seed, seed))]
    return arguments


def run(*arguments) -> Path:
    """Trains a run to the end and returns its folder."""
    output = Path(arguments[arguments.index("--output-dir") + 1])
    assert train.main([str(argument) for argument in arguments]) == 0
    (folder,) = (path.parent for path in output.glob("*/model.json"))
    return folder


@pytest.fixture(scope="module")
def finished(files, tmp_path_factory) -> Path:
    """Returns the folder of a finished run."""
    output = tmp_path_factory.mktemp("runs")
    return run(*files, *SMALL, *EPOCHS, "--output-dir", output, "--experiment", "tests", "--export", "all")


def test_a_run_learns_and_writes_all_files(finished):
    model = json.loads((finished / "model.json").read_text())
    numbers = model["metrics"]["validation"]
    assert numbers["mean_iou"] > numbers["baseline_mean_iou"] + 0.02
    assert numbers["median_center_error_px"] < 0.8 * numbers["baseline_median_center_error_px"]
    assert model["status"] == "finished"
    assert "threshold" not in model
    assert model["target"]["order"] == ["radius", "center_x", "center_y"]
    assert "fractions" in model["target"]["units"]
    assert model["target"]["mean"] == pytest.approx([0.4, 0.5, 0.5], abs=0.02)
    assert set(model["datasets"]) == {"train", "validation"}
    rows = (finished / "metrics.csv").read_text().splitlines()
    assert rows[0].startswith("epoch,loss,val_loss,val_mean_iou,val_median_center_error_px,")
    assert [row.split(",")[0] for row in rows[1:]] == [str(epoch) for epoch in range(1, 26)]
    pictures = {path.name for path in finished.glob("*.png")}
    kinds = {f"validation_{name}.png" for name in ("worst", "random", "errors", "targets")}
    assert {"training_curves.png", "augmentation.png"} | kinds <= pictures


def test_every_format_is_in_the_folder_and_checked(finished):
    from robot_export import verify

    told = json.loads((finished / "model.json").read_text())
    assert set(told["forms"]) == {"keras", "h5", "float32", "uint8", "onnx", "cpp", "int16"}
    shipped = told["metrics"]["validation"]["median_center_error_px"]
    assert told["forms"]["float32"]["parity"]["median_center_error_px"] == pytest.approx(shipped, rel=1e-3)
    assert told["forms"]["uint8"]["parity"]["median_center_error_px"] == pytest.approx(shipped, rel=0.5)
    verify.main([str(finished)])
    card = (finished / "README.md").read_text()
    assert "radius, center_x, center_y" in card
    assert "](validation_errors.png)" in card


def test_the_best_epoch_was_kept(finished):
    rows = [line.split(",") for line in (finished / "metrics.csv").read_text().splitlines()]
    best = min(rows[1:], key=lambda row: float(row[2]))
    numbers = json.loads((finished / "model.json").read_text())["metrics"]["validation"]
    assert numbers["mean_iou"] == pytest.approx(float(best[3]), abs=1e-5)


def test_mlflow_has_the_same_content_as_the_folder(finished):
    client, (tracked,) = tracked_runs(finished.parent, "tests")
    assert tracked.info.status == "FINISHED"
    assert tracked.data.params["loss"] == "huber"
    numbers = json.loads((finished / "model.json").read_text())["metrics"]["validation"]
    check_sections(client, tracked, epochs=25)
    assert tracked.data.metrics["validation_final/mean_iou"] == pytest.approx(numbers["mean_iou"])
    names = {artifact.path for artifact in client.list_artifacts(tracked.info.run_id)}
    assert {"model.json", "validation_worst.png", "validation_circles.csv"} <= names


def test_evaluate_gives_the_same_numbers_as_the_run(finished, files, tmp_path, capsys):
    evaluate.main([str(finished), files[-1], "--output-dir", str(tmp_path / "again")])
    again = json.loads((tmp_path / "again" / "evaluation.json").read_text())
    model = json.loads((finished / "model.json").read_text())
    assert again["metrics"] == pytest.approx(model["metrics"]["validation"], abs=1e-5)
    assert "mean IoU" in capsys.readouterr().out


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_improves_the_detector(loss, files):
    """Trains with `build` and `prepare` as the benchmarks do: without a run folder and without pictures."""
    options = parse_args([*SMALL, "--loss", loss, "--epochs", "8"])
    train_part, validation = (read_patches(path, "detection") for path in files[1::2])
    splits = SimpleNamespace(train=train_part, validation=validation)
    keras.utils.set_random_seed(1)  # for some initial weights, a network this small does not learn with circle-iou
    trainer, validate = training.prepare(*training.build(options, splits), splits)
    before = validate()
    for epoch in range(8):
        trainer.train_epoch(epoch)
    after = validate()
    assert set(after) == {"val_loss", "val_mean_iou", "val_median_center_error_px"}
    assert after["val_loss"] < before["val_loss"]
    assert after["val_mean_iou"] > before["val_mean_iou"]


def test_a_stopped_and_resumed_run_ends_like_an_uninterrupted_one(finished, files, tmp_path, monkeypatch):
    """After SIGTERM, the model and the pictures are complete. The resumed run has the same weights as `finished`."""
    calls, original = [], RunFolder.epoch

    def report(self, number, numbers):
        original(self, number, numbers)
        calls.append(number)
        if calls == [0, 1, 2]:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("common.runs.run_folder.RunFolder.epoch", report)
    assert train.main([*files, *SMALL, *EPOCHS, "--output-dir", str(tmp_path)]) == 143
    (folder,) = (path.parent for path in tmp_path.glob("*/model.json"))
    assert json.loads((folder / "model.json").read_text())["status"] == "killed"
    assert (folder / "validation_worst.png").exists()
    assert train.main(["--resume", str(folder)]) == 0
    assert calls == list(range(25))
    assert json.loads((folder / "model.json").read_text())["status"] == "finished"
    assert_equal_models(finished, folder)


def assert_equal_models(one: Path, other: Path) -> None:
    first, second = (keras.models.load_model(folder / "model.keras") for folder in (one, other))
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_dry_run_of_fine_tuning_does_every_step(finished, files, tmp_path):
    more = ("--init", finished / "model.keras", "--learning-rate", "1e-9", "--dry-run")
    folder = run(*files, *SMALL, *more, "--output-dir", tmp_path)
    assert len((folder / "metrics.csv").read_text().splitlines()) == 2
    tuned, before = (json.loads((path / "model.json").read_text()) for path in (folder, finished))
    assert tuned["options"]["dense"] == 8  # the model's value
    found = tuned["metrics"]["validation"]["mean_iou"]
    assert found == pytest.approx(before["metrics"]["validation"]["mean_iou"], abs=0.02)


def test_a_file_with_x_y_radius_is_refused_with_one_line(files, tmp_path):
    """Circles with columns in the wrong order are refused before training.

    As in real files, centres vary more than radii.
    """
    rng, wrong = np.random.default_rng(0), tmp_path / "wrong.h5"
    with h5py.File(files[1]) as good, h5py.File(wrong, "w") as file:
        file["X"] = good["X"][:]
        columns = [
            rng.normal(mean, spread, len(good["X"])) for mean, spread in ((0.5, 0.09), (0.5, 0.09), (0.39, 0.05))
        ]
        file["y"] = np.stack(columns, 1).clip(0.1, 0.9)
    ended = program(
        "detector_cnn_ball_radius_center.train",
        *("--data-train", wrong, "--data-val", files[3], "--tracking", "local", "--output-dir", tmp_path / "runs"),
    )
    assert ended.returncode == 2
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert "look like [x, y, radius]" in line
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.glob("runs/*/config.json"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epochs", "0"], "--epochs takes"),
        (["--learning-rate", "nan"], "--learning-rate must be"),
        (["--filters", "8", "8"], "--filters takes one number"),
        (["--resume", "no-such-run"], "There is no such run"),
        (["--dataset", DEFAULT_STEM.replace("center", "centre")], f"Did you mean {DEFAULT_STEM}?"),
        (
            ["--dataset", "classification_patches_yuv422_y_only_pil_legacy_border0_combined_16x16"],
            "is a classification",
        ),
        (["--data-train", "missing.h5"], "missing.h5"),
    ],
)
def test_bad_input_gives_one_clear_line(arguments, words, tmp_path):
    places = ["--output-dir", str(tmp_path / "runs"), "--data-root", str(tmp_path / "data")]
    with pytest.raises(UserError) as error:
        train.main([*arguments, *places, *([] if "--resume" in arguments else ["--tracking", "local"])])
    assert words in str(error.value)
    assert not list(tmp_path.glob("runs/*/config.json"))


def test_patches_without_circles_are_refused(tmp_path):
    path = classification_file(tmp_path / "balls.h5", 60)
    with pytest.raises(UserError, match=r"classification file"):
        train.main(["--data-train", str(path), "--tracking", "local", "--output-dir", str(tmp_path / "runs")])


def test_an_unknown_loss_is_an_invalid_argument(capsys):
    with pytest.raises(SystemExit) as end:
        parse_args(["--loss", "iou"])
    assert end.value.code == 2
    assert "circle-iou" in capsys.readouterr().err


def test_help_and_a_typo_import_nothing_heavy():
    code = (
        "import sys\nfrom detector_cnn_ball_radius_center import {0}\n"
        "try: {0}.main(sys.argv[1:])\nexcept SystemExit as end: status = end.code\n"
        "heavy = {{'numpy', 'h5py', 'tensorflow', 'keras', 'mlflow', 'sklearn', 'matplotlib', 'requests'}}\n"
        "print(status, sorted(heavy & set(sys.modules)))"
    )
    for script in ("train", "evaluate", "score_together"):
        for argument, status in (("--help", 0), ("--filtres", 2)):
            ended = subprocess.run(
                [sys.executable, "-c", code.format(script), argument],
                capture_output=True,
                text=True,
                check=True,
                cwd=ROOT,
            )
            assert ended.stdout.splitlines()[-1] == f"{status} []", script
