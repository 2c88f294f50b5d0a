"""Splits keep recordings and games together and balance the balls, and they do not depend on what else is built."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from dataset_tools.building import recording_splits
from dataset_tools.building.recording_splits import TEST, TRAIN, VALIDATION

from .small_store import batch, filled

counts_of_recordings = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 100)), min_size=1, max_size=30)


@settings(max_examples=50, deadline=None)
@given(counts_of_recordings, st.integers(0, 3))
def test_every_recording_is_on_one_side_whatever_the_order(counts, seed):
    named = {f"log{index:02d}": count for index, count in enumerate(counts)}
    groups = [[name] for name in sorted(named)]
    sides = recording_splits.assign(named, groups, (0.7, 0.15, 0.15), seed)
    assert set(sides) == set(named)
    assert set(sides.values()) <= {TRAIN, VALIDATION, TEST}
    assert TRAIN in sides.values()
    backwards = dict(reversed(named.items()))
    assert recording_splits.assign(backwards, groups, (0.7, 0.15, 0.15), seed) == sides


def test_balls_and_negatives_are_split_as_requested_and_the_seed_decides():
    generator = np.random.default_rng(0)
    counts = {f"log{index:02d}": tuple(generator.integers(0, 100, 2)) for index in range(60)}
    groups = [[name] for name in counts]
    total = np.sum(list(counts.values()), axis=0)
    sides = recording_splits.assign(counts, groups, (0.6, 0.1, 0.3), seed=4)
    for side, share in ((TRAIN, 0.6), (VALIDATION, 0.1), (TEST, 0.3)):
        mine = np.sum([counts[name] for name in counts if sides[name] == side], axis=0)
        assert np.abs(mine / total - share).max() < 0.02
    assert recording_splits.assign(counts, groups, (0.6, 0.1, 0.3), seed=4) == sides
    assert recording_splits.assign(counts, groups, (0.6, 0.1, 0.3), seed=5) != sides


def test_groups_stay_together_and_patterns_pin_the_test_split():
    counts = dict.fromkeys(("a1", "a2", "b1", "b2", "c1", "c2", "d1", "d2"), (10, 5))
    pairs = [["a1", "a2"], ["b1", "b2"], ["c1", "c2"], ["d1", "d2"]]
    for seed in range(10):
        sides = recording_splits.assign(counts, pairs, (0.5, 0.25, 0.25), seed)
        assert all(sides[one] == sides[other] for one, other in pairs)
        assert sorted(sides.values()).count(TEST) == 2
    sides = recording_splits.assign(counts, pairs, (0.5, 0.25, 0.25), 0, test_patterns=["c*", "?2"])
    assert {name for name, side in sides.items() if side == TEST} == {"a2", "b2", "c1", "c2", "d2"}


@pytest.mark.parametrize(("links", "together"), [(2, False), (3, True)])
def test_recordings_are_linked_by_several_duplicates(links, together):
    counts = dict.fromkeys("abc", (100, 50))
    groups = recording_splits._linked(counts, {("a", "c"): links, ("b", "elsewhere"): 99})
    assert (("a", "c") in groups) == together
    large = dict.fromkeys("ab", (1000, 0))
    # 9 duplicates are fewer than one percent of the patches, so the recordings are not linked.
    assert recording_splits._linked(large, {("a", "b"): 9}) == [("a",), ("b",)]
    assert recording_splits._linked(large, {("a", "b"): 10}) == [("a", "b")]


def naoth(balls=0.9, more=()):
    """Makes 600 patches from 30 recordings, a third of them with a ball, and adds the patches in `more`."""
    recordings = [f"log{index % 30:02d}" for index in range(600)]
    ball = [balls if index // 30 % 3 == 0 else 0.0 for index in range(600)]
    return batch([*recordings, *(name for name, _ in more)], ball=[*ball, *(overlap for _, overlap in more)])


def split(folder, *batches, patterns=(), seed=0):
    folder.mkdir()
    store = filled(folder, *batches)
    side, sides = recording_splits.of_store(store, (0.7, 0.15, 0.15), seed, patterns, {})
    names = [store.recordings[code] for code in store.columns["recording"]]
    assert len(side) == len(names)
    assert all(recording_splits.SPLITS[code] == sides.get(name, TRAIN) for code, name in zip(side, names, strict=True))
    return sides


def test_the_split_of_naoth_recordings_ignores_other_origins_and_partial_balls(tmp_path):
    alone = split(tmp_path / "alone", naoth())
    assert set(alone.values()) == {TRAIN, VALIDATION, TEST}
    partial = [(f"log{index % 7:02d}", 0.3) for index in range(100)]
    devils = batch([f"game {index % 5}" for index in range(50)], origin="devils", ball=0.9)
    others = split(tmp_path / "others", batch([""] * 9, origin="tk03"), devils, naoth(more=partial))
    assert {name: side for name, side in others.items() if name in alone} == alone
    assert "" not in others  # TK03 has no recordings, so all its patches are in the training split
    assert {others[f"game {index}"] for index in range(5)} >= {TRAIN, TEST}
    assert split(tmp_path / "seed", naoth(), seed=1) != alone


def test_a_recording_of_two_origins_is_on_one_side(tmp_path):
    devils = batch([f"log{index % 10:02d}" for index in range(300)], origin="devils", ball=0.9, seed=1)
    assert split(tmp_path / "both", naoth(), devils) == split(tmp_path / "one", naoth())


def test_a_pattern_that_matches_no_recording_is_an_error(tmp_path):
    assert split(tmp_path / "some", naoth(), patterns=["log0[1-3]"])["log02"] == TEST
    with pytest.raises(UserError, match=r"matches no recording\. Received: 'log9\*'\. There are: log00, log01"):
        split(tmp_path / "none", naoth(), patterns=["log0*", "log9*"])
