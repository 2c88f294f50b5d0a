"""The candidates that a model is least sure of come first.

Only a few of the chosen candidates are from the same second, and no two of them look alike.
"""

import numpy as np
import pytest

from dataset_tools.building.patch_writer import write_patches
from dataset_tools.mining import ranking
from dataset_tools.mining.ranking import Known, Pool, choose

from .candidates_of_a_log import found_in, patch


def test_interest_is_highest_where_the_model_is_uncertain():
    assert ranking.nearest_to_half(np.array([[0.5], [0.0], [1.0], [0.75]])).tolist() == [1, 0, 0, 0.5]
    assert ranking.disagreement(np.array([[0, 1], [0.3, 0.3]])).tolist() == [1, 0]


@pytest.mark.parametrize("channels", [1, 2])
def test_views_keep_the_shape_and_do_not_mix_u_and_v(channels):
    X = np.repeat(patch(3)[None], channels, axis=3).copy()
    X[..., -1] = np.tile([10, 200], 8) if channels == 2 else X[..., -1]
    views = list(ranking.views(X))
    assert len(views) == 6
    assert np.array_equal(views[1][:, :, ::-1, 0], X[..., 0])
    for view in views:
        assert view.shape == X.shape
        if channels == 2:
            assert (view[..., 1] == X[..., 1]).all()


def test_only_the_best_few_patches_of_a_second_are_kept():
    pool = Pool(per_second=2, fps=30, scale=1.3)
    for frame in range(90):
        interest = np.array([frame % 30 / 40, 0.0, frame % 30 / 50])
        pool.add(found_in(frame), np.zeros((3, 1)), interest, (np.empty((0, 3)), np.empty(0)))
    ranked = pool.ranked()
    assert [choice.record.place.frame for choice in ranked] == [29, 59, 89, 28, 58, 88]
    assert pool.crowded > 0


def test_the_pool_stays_small_and_keeps_the_best(monkeypatch):
    monkeypatch.setattr(ranking, "POOL_MAX", 100)
    pool, interest = Pool(2, 30, 1.3), np.random.default_rng(0).random(3000)
    for frame, value in enumerate(interest):
        pool.add(found_in(frame * 30, 1), np.zeros((1, 1)), np.array([value]), (np.empty((0, 3)), np.empty(0)))
        assert len(pool._held) <= 100
    best = [choice.interest for choice in pool.ranked()[:40]]
    assert best == sorted(interest, reverse=True)[:40]


def test_patches_similar_to_a_training_patch_or_a_chosen_patch_are_recognised(tmp_path):
    X = np.stack([patch(seed) for seed in range(20)])
    write_patches(tmp_path / "train.h5", X, np.arange(20) % 2)
    known = Known([tmp_path / "train.h5"])
    brighter = np.clip(patch(7).astype(int) + 20, 0, 255).astype(np.uint8)
    assert [known.like(x) for x in (brighter, patch(50), patch(51), patch(50))] == ["training", "", "", "chosen"]


def test_the_best_candidates_are_chosen_and_the_others_are_counted_by_reason():
    pool = Pool(per_second=3, fps=30, scale=1.3)
    for frame in (0, 30):
        found = found_in(frame)._replace(boxes=np.array([[50 * k, 0, 50 * k + 16, 16] for k in range(3)]))
        interest = np.array([0.9, 0.5, 0.1]) - frame / 1000
        pool.add(found, np.zeros((3, 1)), interest, (np.empty((0, 3)), np.empty(0)))
    chosen, said = choose(pool, Known(), 2)
    assert [choice.interest for choice in chosen] == [0.9, 0.5]
    assert said.startswith(
        "Left out: 0 ranked lower than others in the same second, 0 similar to a training patch, 1 to a"
    )
    chosen, said = choose(pool, Known(), 9)
    assert [choice.index for choice in chosen] == [0, 1, 2]
    assert said.endswith("3 to a chosen patch")
