"""The leak report counts the duplicates between splits and draws them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from common.datasets.families import SPLITS
from dataset_tools.leaks import report
from dataset_tools.leaks.duplicates import Pairs

from ..building import small_store


def pairs_of(edges, exact=()):
    left, right = np.array(edges, np.int64).reshape(-1, 2).T
    mask = np.isin(np.arange(len(left)), exact)
    return Pairs(left, right, np.where(mask, 1.0, 0.95), mask)


patches = st.integers(2, 12).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 2), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n),
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=40),
    )
)


@given(patches)
def test_a_patch_leaks_if_it_is_used_and_has_a_used_duplicate_in_an_earlier_split(drawn):
    side, used, edges = drawn
    edges += [(b, a) for a, b in edges]  # each pair is listed in both directions, as in the result of `duplicates.find`
    found = report.across(pairs_of(edges, exact=range(0, len(edges), 3)), np.array(side), np.array(used))
    shares = [0.0]
    for (first, second), line in zip(((0, 1), (0, 2), (1, 2)), found.lines, strict=True):
        here = {b for a, b in edges if used[a] and used[b] and (side[a], side[b]) == (first, second)}
        total = sum(one and place == second for one, place in zip(used, side, strict=True))
        shares.append(len(here) / total if total else 0.0)
        assert line.startswith(f"{SPLITS[second]} against {SPLITS[first]}: {len(here)} of {total} patches")
    assert found.worst_share == max(shares)
    crossing = [(a, b) for a, b in edges if used[a] and used[b] and side[a] < side[b]]
    assert list(zip(found.pairs.left, found.pairs.right, strict=True)) == crossing


def test_exact_duplicates_are_counted_once():
    pairs = pairs_of([(0, 3), (1, 3), (2, 3), (0, 4)], exact=[0, 1])
    found = report.across(pairs, np.array([0, 0, 0, 2, 2, 2]), np.ones(6, bool))
    assert found.lines[1] == "test against train: 2 of 3 patches have a duplicate (66.67%), 1 exact"


@pytest.fixture
def store(tmp_path):
    """A store of 200 patches, each from a recording of its own; some recordings have unusual names."""
    names = ["", "\x1b[31m", "x" * 400, "ä\n", *(f"log {index}" for index in range(196))]
    return small_store.filled(tmp_path, small_store.batch(names))


def drawn(path, store, count):
    edges = [(k, 100 + k % 100) for k in range(count)]
    side = np.repeat([0, 1], 100)
    found = report.across(pairs_of(edges), side, np.ones(200, bool))
    report.draw(found, store, side, ["a title"], path)
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_the_picture_shows_both_patches_of_each_pair(tmp_path, store):
    picture = drawn(tmp_path / "new folder" / "leaks.png", store, 4)[..., 0]
    rows = np.lib.stride_tricks.sliding_window_view(picture, report.EDGE, axis=1)
    for patch in (0, 1, 2, 3, 100, 101, 102, 103):
        large = store.thumbnails(np.array([patch]))[0].repeat(4, 0).repeat(4, 1)
        (top, *_), (left, *_) = np.nonzero((rows == large[0]).all(axis=-1))
        assert np.array_equal(picture[top : top + 64, left : left + 64], large)


def test_the_size_of_the_picture_is_limited_and_it_is_drawn_even_without_pairs(tmp_path, store):
    sizes = [drawn(tmp_path / f"{count}.png", store, count).shape for count in (report.PAIRS_MAX, 100)]
    assert sizes[0] == sizes[1]
    assert drawn(tmp_path / "none.png", store, 0).std() > 0
