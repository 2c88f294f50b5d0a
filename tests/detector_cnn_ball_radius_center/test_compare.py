import json

import numpy as np
import pytest

from common.cli.program import run_main
from detector_cnn_ball_radius_center import compare, metrics

from ..tiny import detection_file, discs


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Makes two detectors with constant outputs: the mean circle, and a circle that is two pixels off."""
    import keras

    folder = tmp_path_factory.mktemp("models")
    for name, circle in (("middle", (0.4, 0.5, 0.5)), ("off", (0.4, 0.625, 0.5))):
        inputs = keras.Input((16, 16, 1))
        x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255, -0.5)(inputs))
        constant = np.zeros((256, 3)), np.array(circle)
        dense = keras.layers.Dense(3)
        model = keras.Model(inputs, dense(x))
        dense.set_weights(constant)
        model.save(folder / f"{name}.keras")
    return folder


def run(*arguments):
    return run_main(lambda: compare.main([str(argument) for argument in arguments]))


def test_the_better_detector_is_named(models, tmp_path, capsys):
    file = detection_file(tmp_path / "balls.h5", n=600)
    assert run(models / "off.keras", models / "middle.keras", file, "--output-dir", tmp_path / "out") == 0
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())["against_A"]["B"]
    rows = {row["measure"]: row for row in found["numbers"]}
    assert rows["median centre error"]["verdict"] == rows["mean IoU"]["verdict"] == "better"
    assert rows["median radius error"]["difference"] == 0
    assert rows["median radius error"]["verdict"] == "none"
    y = discs(600, 0)[1]
    iou = [metrics.circle_iou(y, np.tile((0.4, x, 0.5), (600, 1))) for x in (0.625, 0.5)]
    assert found["groups"][0]["fixed"] == np.sum((iou[0] <= 0.75) & (iou[1] > 0.75)) > 0
    assert {row["group"] for row in found["groups"]} == {"all", "radius", "brightness", "camera", "recording"}
    assert "B is better: median centre error" in capsys.readouterr().out


def test_a_bootstrap_sample_has_the_same_metrics_as_its_patches():
    rng, (_, y) = np.random.default_rng(0), discs(200, 1)
    circles, rows = y + rng.normal(0, 0.05, y.shape), rng.integers(0, 200, 200)
    numbers = metrics.evaluate(y[rows], circles[rows], 16)
    names = ("median_center_error_px", "median_radius_error_px", "mean_iou", "iou_above_0.75")
    assert metrics.of_drawn_patches(y, circles, 16)(np.bincount(rows, minlength=200)) == pytest.approx(
        [numbers[name] for name in names]
    )
