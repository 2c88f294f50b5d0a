"""Runs the commands of both RECIPE.md files on tiny families for one epoch, and checks that every ball is predicted."""

import json
import subprocess
import sys

import numpy as np
import pytest

from common.datasets.families import DEFAULT_STEMS, parse_stem
from common.datasets.patch_file import Patches
from common.errors import UserError

from ..tiny import ROOT, classification_file, detection_file, environment

CHANGED = ("--no-turns", "--offset", "0", "0", "--noise", "0", "--light", "2", "--weight-decay", "0.1")
MOVED = ("--shift", "0.5", "--zoom", "0.03", "--there-and-back", "--loss", "mae")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("detection", ()),
        ("detection", (*CHANGED, *MOVED)),
        ("detection", ("--own-split", "--no-cosine")),
        ("classification", ()),
    ],
    ids=["the detector", "the detector, all changed", "the detector, one network", "the classifier"],
)
def test_every_patch_is_predicted_by_a_network_that_has_not_seen_it(task, options, tmp_path):
    name, make, splits = {
        "detection": ("detector", detection_file, ("train", "validation")),
        "classification": ("classifier", classification_file, ("train", "validation", "test")),
    }[task]
    family = parse_stem(DEFAULT_STEMS[task], task)
    for seed, split in enumerate(splits):
        path = tmp_path / family.file(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path, 200, seed)
    script = ROOT / "benchmarks" / f"{name}_cross_validation.py"
    few = ("--folds", "2", "--epochs", "1", "--filters", "4", "--dense", "8", "--data-root", tmp_path)
    command = [sys.executable, script, *few, "--output", tmp_path / "numbers.json", *options]
    ended = subprocess.run(
        [str(part) for part in command], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    answered = 200 if "--own-split" in options else 200 * len(splits)
    assert (numbers["metrics"] if task == "detection" else numbers["all"])["patches"] == answered
    assert str(tmp_path) not in (tmp_path / "numbers.json").read_text()


def test_differences_are_paired_by_ball(monkeypatch, tmp_path):
    """The second set of predictions is better by the same amount for every ball, so the interval has zero width."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from detector_cross_validation import differences, earlier_answers, summary

    rng = np.random.default_rng(0)
    y = np.float32([0.4, 0.5, 0.5]) + rng.normal(0, 0.03, (60, 3)).astype(np.float32)
    recording = np.repeat([f"r{number}" for number in range(6)], 10)
    balls = Patches(np.zeros((60, 16, 16, 1), np.uint8), y, recording=recording)
    near, far = y + np.float32([0.01, 0.02, 0]), y + np.float32([-0.02, 0, 0.03])
    found = differences(balls, near, far)
    for name, pixels in (("median_center_error_px", -0.16), ("median_radius_error_px", -0.16)):
        assert found[name]["difference"] == pytest.approx(pixels, abs=1e-4)
        assert found[name]["interval"] == pytest.approx((pixels, pixels), abs=1e-4)
    assert found["mean_iou"]["interval"][0] > 0
    earlier = tmp_path / "earlier.json"
    earlier.write_text(json.dumps({"digest": "abc"} | summary(balls, far)))
    np.testing.assert_allclose(earlier_answers(earlier, "abc", 60), far, atol=1e-5)
    for arguments in ((earlier, "other", 60), (earlier, "abc", 59), (tmp_path / "none.json", "abc", 60)):
        with pytest.raises(UserError, match=r"--against .* Received: "):
            earlier_answers(*arguments)


@pytest.mark.slow
def test_a_missing_family_is_reported_in_one_line(tmp_path):
    script = ROOT / "benchmarks" / "detector_cross_validation.py"
    ended = subprocess.run(
        [sys.executable, script, "--data-root", tmp_path], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
