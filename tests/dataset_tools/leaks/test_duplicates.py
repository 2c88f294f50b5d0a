"""Identical and similar patches from different recordings are found; other patches are not."""

import numpy as np

from dataset_tools.leaks import duplicates, hashes
from dataset_tools.leaks.duplicates import CORRELATION_MIN

from .smooth_pictures import pictures


def columns_of(luma, recording):
    return {
        "content": hashes.content(luma),
        "look": hashes.look(luma),
        "contrast": hashes.contrast(luma),
        "recording": np.asarray(recording, np.int32),
    }


def find(luma, recording):
    return duplicates.find(np.arange(len(luma)), columns_of(luma, recording), lambda indices: luma[indices])


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
        for left, right in duplicates._candidates(np.arange(600), look, recording, int)
        for a, b in zip(left, right, strict=True)
    }
    distance = np.bitwise_count(look[:, None] ^ look[None])
    wanted = {(a, b) for a, b in np.argwhere(distance <= duplicates.NEAR_BITS).tolist() if a != b}
    assert len(wanted) > 300
    assert found == wanted


def test_patches_of_one_recording_and_flat_patches_are_not_paired():
    luma = pictures(20)
    assert len(find(np.concatenate([luma, luma]), [0] * 40)) == 0
    flat = np.full((40, 16, 16), 90, np.uint8) + np.random.default_rng(0).integers(0, 3, (40, 16, 16), dtype=np.uint8)
    assert len(find(flat, np.arange(40))) == 0


def test_nothing_to_compare():
    assert len(duplicates.find(np.empty(0, np.int64), columns_of(pictures(2), [0, 1]), lambda indices: None)) == 0
    assert len(find(pictures(1), [0])) == 0
    assert duplicates.correlation(np.empty((0, 16, 16), np.uint8), np.empty((0, 16, 16), np.uint8)).shape == (0,)
