"""Checks that the benchmark plants exactly the wrong labels that it reports, and that it runs on a tiny family."""

import json
import subprocess
import sys

import numpy as np
import pytest

from common.datasets.families import DEFAULT_STEMS, parse_stem

from ..tiny import ROOT, classification_file, detection_file, discs, environment


def test_the_requested_share_of_labels_is_corrupted_and_nothing_else_changes(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from planted_labels import plant

    classes = (np.arange(500) % 3 == 0).astype(np.float32)
    y, wrong = plant(classes, 0.02, 0)
    assert wrong.sum() == 10
    np.testing.assert_array_equal(y != classes, wrong)
    circles = discs(500, 0)[1]
    y, wrong = plant(circles, 0.02, 0)
    np.testing.assert_array_equal((y != circles).any(1), wrong)
    moved, scaled = np.hypot(*(y - circles)[wrong, 1:].T), (y / circles)[wrong, 0]
    assert ((moved[moved > 0] >= 0.15) & (moved[moved > 0] <= 0.3)).all()
    assert (moved > 0).sum() == (scaled != 1).sum() == 5
    assert plant(circles, 0.02, 1)[1].tolist() != wrong.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("project", ["classifier_cnn", "detector_cnn_ball_radius_center"])
def test_the_benchmark_runs(project, tmp_path):
    task = "classification" if project == "classifier_cnn" else "detection"
    make = classification_file if task == "classification" else detection_file
    family = parse_stem(DEFAULT_STEMS[task], task)
    for seed, split in enumerate(("train", "validation", "test")):
        path = tmp_path / family.file(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path, 200, seed)
    few = ("--folds", "2", "--epochs", "1", "--seeds", "1", "--filters", "4", "--dense", "8")
    command = [sys.executable, ROOT / "benchmarks" / "planted_labels.py", "--project", project, *few]
    command += ["--data-root", tmp_path, "--output", tmp_path / "numbers.json"]
    subprocess.run([str(part) for part in command], cwd=ROOT, env=environment(), check=True)
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert (numbers["planted"], numbers["patches"]) == (4, 200)
    assert numbers["versions"].keys() == {"as it was", "planted", "checked", "dropped"}
