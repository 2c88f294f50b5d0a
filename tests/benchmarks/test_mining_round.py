"""Tests how a round of mining divides the patches and computes its statistics, without training."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from ..tiny import ROOT


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield __import__("mining_round")
    for name in ("mining_round", "cross_validation", "classifier_cross_validation"):
        sys.modules.pop(name, None)


class Some(SimpleNamespace):
    def __len__(self):
        return len(self.y)


def test_the_test_recordings_are_in_neither_start_nor_pool(benchmark):
    rng = np.random.default_rng(0)
    patches = Some(y=rng.integers(0, 2, 2000), recording=np.array([f"game{n}" for n in rng.integers(0, 40, 2000)]))
    start, pool, test = benchmark.divide(patches, np.random.default_rng(1))
    assert len(start) == benchmark.START
    assert not set(patches.recording[test]) & set(patches.recording[np.concatenate([start, pool])])
    assert not set(start) & set(pool)
    assert len(set(patches.recording[start])) < 10


def test_gains_are_paired_by_seed(benchmark):
    chance = np.random.default_rng(2).random(10)
    found = [{"random": {"auroc": value}, "nearest": {"auroc": value + 0.1}} for value in chance]
    gain = benchmark.summary(found)["nearest"]["auroc"]
    assert gain["gain"] == pytest.approx(0.1)
    assert gain["interval"] == pytest.approx([0.1, 0.1])
    assert gain["better"] == "10 of 10"
