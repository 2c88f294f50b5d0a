"""Splits keep recordings whole, games together and balls balanced; duplicates across the splits are found."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.building import recording_splits
from dataset_tools.building.recording_splits import TEST, TRAIN, VALIDATION
from dataset_tools.leaks import duplicates as leaks
from dataset_tools.leaks import hashes
from dataset_tools.leaks.duplicates import CORRELATION_MIN


def columns_of(luma, recording):
    return {
        "content": hashes.content(luma),
        "look": hashes.look(luma),
        "contrast": hashes.contrast(luma),
        "recording": np.asarray(recording, np.int32),
    }


def pictures(count, seed=0):
    """Smooth random pictures, uint8 [n, 16, 16], of which no two look alike."""
    coarse = np.random.default_rng(seed).normal(size=(count, 6, 6))
    basis = np.cos(np.pi * np.arange(6)[:, None] * (2 * np.arange(16) + 1) / 32)
    smooth = np.einsum("nij,ix,jy->nxy", coarse, basis, basis)
    return (128 + 30 * smooth).clip(0, 255).astype(np.uint8)


def find(luma, recording):
    return leaks.find(np.arange(len(luma)), columns_of(luma, recording), lambda indices: luma[indices])


def as_set(pairs):
    return {(int(a), int(b)) for a, b in zip(pairs.left, pairs.right, strict=True)}


def test_only_the_planted_duplicates_are_found():
    luma = pictures(400)
    generator = np.random.default_rng(1)
    near = luma[:50].astype(int) * 0.9 + 5 + generator.normal(0, 2, luma[:50].shape)
    luma = np.concatenate([luma, luma[100:120], near.clip(0, 255).astype(np.uint8)])
    recording = np.concatenate([np.zeros(400), np.ones(20), np.full(50, 2)]).astype(int)
    pairs = find(luma, recording)
    exact = {(100 + k, 400 + k) for k in range(20)}
    alike = {(k, 420 + k) for k in range(50)}
    assert as_set(pairs) == exact | alike | {(b, a) for a, b in exact | alike}
    assert as_set(pairs.where(pairs.exact)) == exact | {(b, a) for a, b in exact}
    assert pairs.correlation.min() > CORRELATION_MIN


def test_every_pair_within_the_limit_is_a_candidate():
    generator = np.random.default_rng(2)
    look = generator.integers(0, 2**63, 300, dtype=np.uint64)
    flips = np.array(
        [sum(1 << int(bit) for bit in generator.choice(64, k % 12, replace=False)) for k in range(300)], np.uint64
    )
    look = np.concatenate([look, look ^ flips])
    recording = np.arange(600)
    found = {
        (int(a), int(b))
        for left, right in leaks._candidates(np.arange(600), look, recording, int)
        for a, b in zip(left, right, strict=True)
    }
    distance = np.bitwise_count(look[:, None] ^ look[None])
    wanted = {(a, b) for a, b in np.argwhere(distance <= leaks.NEAR_BITS).tolist() if a != b}
    assert len(wanted) > 300
    assert found == wanted


def test_patches_of_one_recording_and_flat_patches_are_not_paired():
    luma = pictures(20)
    assert len(find(np.concatenate([luma, luma]), [0] * 40)) == 0
    flat = np.full((40, 16, 16), 90, np.uint8) + np.random.default_rng(0).integers(0, 3, (40, 16, 16), dtype=np.uint8)
    assert len(find(flat, np.arange(40))) == 0


def test_nothing_to_compare():
    assert len(leaks.find(np.empty(0, np.int64), columns_of(pictures(2), [0, 1]), lambda indices: None)) == 0
    assert len(find(pictures(1), [0])) == 0
    assert leaks.correlation(np.empty((0, 16, 16), np.uint8), np.empty((0, 16, 16), np.uint8)).shape == (0,)


def test_look_ignores_brightness_and_contrast_and_differs_between_pictures():
    luma = pictures(200)
    dimmed = (luma * 0.5 + 20).astype(np.uint8)
    assert np.bitwise_count(hashes.look(luma) ^ hashes.look(dimmed)).mean() < 2
    others = np.bitwise_count(hashes.look(luma[:100]) ^ hashes.look(luma[100:]))
    assert others.min() > leaks.NEAR_BITS


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


def test_shares_of_balls_and_negatives_are_near_the_request_and_seeded():
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
    assert recording_splits._linked(large, {("a", "b"): 9}) == [("a",), ("b",)]  # fewer than one percent
    assert recording_splits._linked(large, {("a", "b"): 10}) == [("a", "b")]
