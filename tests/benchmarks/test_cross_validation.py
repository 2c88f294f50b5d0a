"""The commands of both RECIPE.md on tiny families, one epoch each: do they still run, and is every ball answered?"""

import json
import subprocess
import sys

import pytest

from common.families import DEFAULT_STEMS, parse_stem

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
def test_every_patch_is_answered_by_a_network_that_has_not_seen_it(task, options, tmp_path):
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


@pytest.mark.slow
def test_a_missing_family_is_one_clear_line(tmp_path):
    script = ROOT / "benchmarks" / "detector_cross_validation.py"
    ended = subprocess.run(
        [sys.executable, script, "--data-root", tmp_path], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
