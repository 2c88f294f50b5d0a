"""Tests venues.py: invalid patterns, and one real run that leaves out one venue at a time."""

import json

import numpy as np
import pytest

from classifier_cnn import venues
from common.errors import UserError
from dataset_tools.building.patch_writer import write_patches

from ..tiny import bars, discs


@pytest.mark.parametrize("pattern", ["(a", "abc", "(?P<x>a){99999999999}"])
def test_a_bad_pattern_gives_one_line(pattern):
    with pytest.raises(UserError, match="--group"):
        venues.parse_args(["--group", pattern])


def test_the_hardest_venue_comes_first(tmp_path, capsys):
    """The labels of `upside` are swapped, so only a model that was trained on this venue could score it correctly."""
    X, ball = bars(1200, 0), np.arange(1200) % 2 == 0
    X[ball] = discs(600, 0)[0]
    names = [f"{'upside' if i < 240 else ('hall', 'field')[i // 2 % 2]}_{i % 3}" for i in range(1200)]
    ball[:240] = ~ball[:240]
    write_patches(tmp_path / "all.h5", X, ball[:, None].astype(np.uint8), recording=names)
    file = str(tmp_path / "all.h5")
    venues.main(["--data-train", file, "--epochs", "4", "--filters", "4", "--output-dir", str(tmp_path)])
    told = json.loads((tmp_path / "venues" / "scores.json").read_text())["venues"]
    assert told[0]["venue"] == "upside"
    assert told[0]["recall_at_limit"] < 0.2 < 0.5 < told[1]["recall_at_limit"]
    for row in told:
        low, high = row["recall_at_limit_interval"]
        assert low <= row["recall_at_limit"] <= high
    assert sum(row["patches"] for row in told) == 1200
    lines = capsys.readouterr().out.splitlines()
    assert lines[-5].endswith("upside")
