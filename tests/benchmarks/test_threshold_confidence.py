"""Checks, without training, that the benchmark draws validation sets as its docstring says."""

import sys

import numpy as np
import pytest

from ..tiny import ROOT


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield __import__("threshold_confidence")
    for name in ("threshold_confidence", "classifier_cross_validation", "cross_validation"):
        sys.modules.pop(name, None)


@pytest.fixture
def patches():
    """Returns (labels, scores, recording).

    Patches without a ball have similar scores if they are from the same recording.
    """
    rng = np.random.default_rng(1)
    recording, labels = np.repeat(np.arange(60), 100), np.arange(6000) % 4 == 0
    scores = np.clip(rng.normal(0.3, 0.1, 60)[recording] + rng.normal(0, 0.02, 6000) + 0.4 * labels, 0, 1)
    return labels, scores.astype(np.float32), recording


def test_whole_recordings_are_drawn_until_there_are_enough_negatives(benchmark, patches):
    labels, _, recording = patches
    rows = benchmark.draw(np.random.default_rng(0), labels, recording, 300, whole=True)
    assert np.sum(~labels[rows]) == 300  # four recordings with 75 patches each
    assert set(np.unique(recording[rows], return_counts=True)[1] % 100) == {0}
    single = benchmark.draw(np.random.default_rng(0), labels, recording, 300, whole=False)
    assert (np.sum(~labels[single]), np.sum(labels[single])) == (300, 100)
    assert len(set(recording[single])) > 50


def test_the_limit_holds_for_single_patches_but_not_for_recordings(benchmark, patches):
    rows = benchmark.measure(*patches, draws=60)
    found = {(row["whole_recordings"], row["negatives"], row["confidence"]): row for row in rows}
    for negatives in benchmark.NEGATIVES:
        assert found[False, negatives, 0.95]["exceeded"] <= 0.05 + 3 * (0.05 * 0.95 / 60) ** 0.5
        assert found[False, negatives, 0]["recall_lost"] == 0 <= found[False, negatives, 0.95]["recall_lost"]
    assert found[True, 300, 0.95]["exceeded"] > 0.3
