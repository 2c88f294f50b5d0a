"""A resumed run must have the same data as before, or it fails; a repeated epoch has one row in metrics.csv."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from classifier_cnn.options import Options, parse_args
from classifier_cnn.train import load_data
from common.datasets.families import DEFAULT_STEMS, parse_stem
from common.runs.finished import is_finished
from common.runs.run_folder import RunFolder, open_run, remove_leftovers, run_name
from common.tracking import choose_server, journal
from common.tracking.mirror_process import MirrorProcess

from ...tiny import ROOT, classification_file, environment

FAMILY = parse_stem(DEFAULT_STEMS["classification"], "classification")


@pytest.fixture(autouse=True)
def tiny_synthetic(monkeypatch):
    monkeypatch.setattr(MirrorProcess, "start", lambda self: None)

    def synthetic_files(task, root, **_):
        return {
            split: classification_file(Path(root) / f"synthetic_{split}.h5", n=60, seed=seed)
            for seed, split in enumerate(("train", "validation", "test"))
        }

    monkeypatch.setattr("classifier_cnn.data.synthetic_files", synthetic_files)


def begin(root: Path) -> Path:
    """Starts a run on the default family without finishing it, as if it had been interrupted; returns its folder."""
    options = Options(data_root=root, offline=True, output_dir=root / "runs", tracking="local")
    splits = load_data(options)
    server = choose_server("local", options.output_dir)
    with pytest.raises(KeyboardInterrupt), open_run("classifier_cnn", options, splits, server) as run:
        raise KeyboardInterrupt
    return run.path


def cache(root: Path, *splits: str) -> None:
    for seed, split in enumerate(splits):
        classification_file(root / FAMILY.file(split), n=60, seed=10 + seed)


def resume(folder: Path):
    """Returns the splits of a resumed run, after checking that they have not changed."""
    options = parse_args(["--resume", str(folder), "--offline"])
    splits = load_data(options)
    with open_run("classifier_cnn", options, splits, choose_server("local", options.output_dir)):
        return splits


def test_a_run_on_the_synthetic_fallback_keeps_it_when_the_archive_is_back(tmp_path):
    folder = begin(tmp_path)
    cache(tmp_path, "train", "validation", "test")  # as if another run had downloaded the files in the meantime
    splits = resume(folder)
    assert splits.substituted
    assert splits.name == "synthetic"


def test_a_run_without_a_test_file_can_resume_once_the_file_exists(tmp_path):
    cache(tmp_path, "train", "validation")
    folder = begin(tmp_path)
    cache(tmp_path, "train", "validation", "test")
    assert set(resume(folder).parts) == {"train", "validation"}


class Untracked:
    def metrics(self, *_, **__):
        pass


def test_a_repeated_first_epoch_has_only_one_row(tmp_path):
    """If a run is killed or the disk fills up between the first row and its checkpoint, the epoch is repeated."""
    RunFolder(tmp_path, Untracked(), None, {}).epoch(0, {"loss": 1.0})
    resumed = RunFolder(tmp_path, Untracked(), None, {})
    resumed.epoch(0, {"loss": 1.0})
    resumed.epoch(1, {"loss": 0.5})
    assert (tmp_path / "metrics.csv").read_text() == "epoch,loss\n1,1\n2,0.5\n"


LEFT_ALONE = """
import sys
from classifier_cnn.options import parse_args
from common.runs.run_folder import open_run
from classifier_cnn.train import load_data
from common.atomic_files import write_json
from common.tracking import choose_server, journal

options = parse_args(sys.argv[1:])
splits = load_data(options)
with open_run("classifier_cnn", options, splits, choose_server("local", options.output_dir)) as run:
    print("training", flush=True)
    sys.stdin.readline()
    print("the table of its numbers", flush=True)
    print("a warning", file=sys.stderr, flush=True)
    write_json(run.path / "model.json", {"status": "finished"})
"""


@pytest.mark.parametrize("terminal", [True, False])
def test_a_run_outlasts_its_terminal(tmp_path, terminal):
    """Results are written even if the terminal is closed (`train.py & disown`) or `tee` (`train.py | tee log`) ends."""
    patches = [str(classification_file(tmp_path / f"{n}.h5", n=n)) for n in (60, 50)]
    arguments = ["--data-train", patches[0], "--data-val", patches[1], "--output-dir", str(tmp_path / "runs")]
    reader, writer = os.openpty() if terminal else os.pipe()
    command = [sys.executable, "-c", LEFT_ALONE, *arguments, "--tracking", "local"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=writer, stderr=writer, cwd=ROOT, env=environment(), process_group=0
    ) as training:
        os.close(writer)
        while b"training" not in os.read(reader, 4096):
            pass
        os.close(reader)
        training.stdin.write(b"\n")
        training.stdin.close()
        assert training.wait(600) == 0
    (folder,) = (path.parent for path in tmp_path.glob("runs/*/model.json"))
    assert is_finished(folder)


def test_a_new_run_has_its_curves_in_sections(tmp_path):
    cache(tmp_path, "train", "validation")
    folder = begin(tmp_path)
    options = parse_args(["--resume", str(folder), "--offline"])
    splits = load_data(options)
    with open_run("classifier_cnn", options, splits, choose_server("local", options.output_dir)) as run:
        run.epoch(0, {"loss": 1.0, "val_auroc": 0.9, "val_recall_at_fpr_0.01": 0.5, "epoch_seconds": 1.0})
    (values,) = (record["values"] for _, record in journal.read(folder) if record["kind"] == "metrics")
    assert values == {"training/loss": 1.0, "validation/auroc": 0.9, "validation/recall_at_fpr_0.01": 0.5}


@pytest.mark.parametrize(
    ("name", "substituted", "options", "expected"),
    [
        (DEFAULT_STEMS["classification"], False, {}, "8-8-16-16 d64 combined 16x16"),
        ("synthetic", True, {"dense": 8}, "8-8-16-16 d8 SYNTHETIC-FALLBACK"),
        ("synthetic", False, {"dry_run": True}, "dry-run 8-8-16-16 d64 synthetic"),
        ("x" * 80, False, {"run_name": "a night {dataset} 1"}, f"a night {'x' * 39}… 1"),
        (
            "classification_patches_yuv422_pil_segmentation_border10_bottom_32x32",
            False,
            {},
            "8-8-16-16 d64 uv segmentation border10 bottom 32x32",
        ),
    ],
)
def test_the_name_of_a_run_begins_with_what_distinguishes_it(name, substituted, options, expected):
    assert run_name(Options(**options), SimpleNamespace(name=name, substituted=substituted)) == expected


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    for name in (".model.keras.77.keras", ".model.keras.77.part", ".metrics.csv.77.part", "metrics.csv", "model.keras"):
        (tmp_path / name).write_text("half")
    (tmp_path / ".export.77").mkdir()  # the folder of an export that may still be running
    (tmp_path / ".folder.part").mkdir()
    remove_leftovers(tmp_path)
    left = {".export.77", ".folder.part", "metrics.csv", "model.keras"}
    assert {path.name for path in tmp_path.iterdir()} == left
