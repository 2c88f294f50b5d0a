"""A store returns its patches unchanged, in the order in which they were added."""

import numpy as np
import pytest

from dataset_tools.building.patch_store import temporary_store
from dataset_tools.building.subsample_chunk import Plan
from dataset_tools.sources import labels
from dataset_tools.sources.patch_sources import Skipped

from .small_store import batch, filled

PLAN = Plan((16, 32), True, "centres")


def test_rows_are_the_pixels_of_all_batches_in_order(tmp_path):
    batches = [batch(["a"] * n, PLAN, seed) for seed, n in enumerate((3, 0, 5, 1))]
    store = filled(tmp_path, *batches, plan=PLAN)
    assert len(store) == 9
    chosen = np.array([8, 0, 4, 4])
    for size in PLAN.sizes:
        added = np.concatenate([one.pixels[size] for one in batches])
        for channels in (1, 2):
            rows = store.rows(size, chosen, channels)
            assert (rows.shape, rows.dtype, len(rows)) == ((4, size, size, channels), np.uint8, 4)
            assert np.array_equal(rows[:], added[chosen][..., :channels])
            assert np.array_equal(np.concatenate([rows[:1], rows[1:3], rows[3:99]]), rows[:])
    thumbnails = np.concatenate([one.columns["thumbnail"] for one in batches])
    assert np.array_equal(store.thumbnails(chosen), thumbnails[chosen])


def test_names_and_kinds_belong_to_their_patches(tmp_path):
    recordings = ["log b", "log ä", "", "log b", "log a"]
    facts = {"ball": [0, 0.3, 0.9, 0.9, 0], "robot": [0.9, 0, 0, 0.9, 0], "camera": ["top", "bottom", "", "top", "top"]}
    store = filled(tmp_path, batch(recordings, **facts), batch(["log ä"], origin="devils", seed=1))
    everything = np.arange(6)
    assert [name.decode() for name in store.names("recording", everything)] == [*recordings, "log ä"]
    assert store.names("camera", everything).tolist() == [b"top", b"bottom", b"", b"top", b"top", b"top"]
    assert store.names("origin", np.array([5, 0])).tolist() == [b"devils", b"naoth"]
    assert store.names("source", np.array([5, 0])).tolist() == [b"devils/1/0", b"naoth/0/0"]
    kinds = [labels.NO_BALL, labels.PARTIAL, labels.BALL, labels.AMBIGUOUS, labels.NO_BALL, labels.NO_BALL]
    assert store.columns["kind"].tolist() == kinds


def test_digests_depend_on_the_content_of_their_origin_and_its_order(tmp_path):
    def digests(*batches):
        return filled(tmp_path, *batches).digests()

    one, two = (batch(["a"], digest=digest) for digest in ("one", "two"))
    devils = batch(["a"], origin="devils")
    found = digests(one, two, devils)
    assert found.keys() == {"naoth", "devils"}
    assert digests(devils, one, two) == found
    assert digests(one, two)["naoth"] == found["naoth"]
    assert len({digests(*batches)["naoth"] for batches in ([one, two], [two, one], [one], [one, one])}) == 4


def test_an_origin_whose_patches_were_all_skipped_is_counted(tmp_path):
    store = filled(tmp_path, batch([], skipped=[Skipped("a", "broken"), Skipped("b", "broken")]))
    assert len(store) == 0
    assert store.skips.counts == {("naoth", "broken"): 2}
    assert store.digests().keys() == {"naoth"}


def test_nothing_is_left_on_disk(tmp_path):
    def work():
        with temporary_store(tmp_path, PLAN) as store:
            store.add(batch(["a"], PLAN))
            assert store.folder.parent == tmp_path
            raise LookupError

    with pytest.raises(LookupError):
        work()
    assert not list(tmp_path.iterdir())
