import csv

import numpy as np
import pytest

from common.cli.program import run_main
from common.datasets.patch_file import read_patches
from dataset_tools.building.patch_writer import write_patches
from detector_cnn_ball_radius_center import find_suspects, suspects

from ..tiny import detection_file


def test_planted_circles_are_found(tmp_path, capsys):
    patches = read_patches(detection_file(tmp_path / "good.h5", 300), "detection")
    y, planted = patches.y.copy(), [7, 120, 250]
    y[planted, 1] += np.float32([0.35, -0.3, 0.35])
    write_patches(tmp_path / "planted.h5", patches.X, y, recording=patches.recording)
    few = ("--folds", "2", "--epochs", "150", "--filters", "4", "--dense", "16")
    arguments = [tmp_path / "planted.h5", *few, "--output-dir", tmp_path / "out"]
    assert run_main(lambda: suspects.main([str(argument) for argument in arguments])) == 0
    with (tmp_path / "out" / "suspects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {int(row["index"]) for row in rows} >= set(planted)
    assert len(rows) < 30
    assert [float(row["deviations"]) for row in rows] == sorted(
        (float(row["deviations"]) for row in rows), reverse=True
    )
    assert float(rows[0]["given_center_x"]) == pytest.approx(y[int(rows[0]["index"]), 1])
    out = capsys.readouterr().out
    assert " --drop " in out
    assert "--relabel" not in out


def test_size_and_blur_explain_errors_but_a_wrong_label_stands_out():
    """Errors that grow with the radius, and are ten times as large for blurred balls, are not suspicious."""
    rng = np.random.default_rng(0)
    n = 600
    y = np.stack([rng.uniform(0.2, 0.5, n), *rng.uniform(0.4, 0.6, (2, n))], 1)
    sharp = rng.choice([0.01, 0.3], n)
    size = 0.01 * (y[:, 0] / 0.3) * np.where(sharp < 0.1, 10, 1)
    circles = y + rng.normal(0, 1, y.shape) * size[:, None]
    circles[5] = y[5] + [0, 12 * size[5], 0]
    for scale in (1, 3):  # scaling all errors does not change the result
        excess = find_suspects.unexplained(y, y + scale * (circles - y), sharp)
        assert np.flatnonzero(excess > find_suspects.SUSPICIOUS).tolist() == [5]
    unaware = find_suspects.unexplained(y, circles, np.full(n, 0.1))
    assert unaware[5] < excess[5]
    assert np.isfinite(find_suspects.unexplained(y, y, sharp)).all()
