"""The TK03 pickle contains grey patches and their circles; patches with invalid values are skipped."""

import hashlib
import pickle

import numpy as np
import pytest

from common.datasets.families import all_families
from common.errors import UserError
from dataset_tools.sources import tk03 as source
from dataset_tools.sources.patch_sources import TK03, Chunk, read

from .reading import everything


def test_patches_are_grey_and_have_their_circles(tk03):
    path, gray = tk03
    patches, skipped = everything([Chunk(TK03, path)])
    assert not skipped
    for patch, wanted in zip(patches, gray, strict=True):
        assert np.array_equal(patch.rgbx, wanted)
    assert [patch.facts.ball for patch in patches] == [1, 1, 1, 1, 0, 0]
    assert np.allclose([patch.facts.circle for patch in patches[:4]], [0.4, 0.5, 0.45])
    assert np.isnan([patch.facts.circle for patch in patches[4:]]).all()
    assert {(patch.camera, patch.recording, patch.ready) for patch in patches} == {("", "", True)}


def test_lists_instead_of_arrays_give_one_line(tmp_path):
    rows = [[1.0] * 16] * 16
    for images in ([rows, rows[:3]], [rows] * 2, "text", {}):
        path = tmp_path / "tk03.pkl"
        path.write_bytes(b"".join(pickle.dumps(part) for part in (0.5, images, np.zeros((2, 4)), [])))
        with pytest.raises(UserError, match=r"tk03\.pkl: (expected a number, arrays|rejected)") as caught:
            list(read(Chunk(TK03, path), hashlib.sha256()))
        assert "\n" not in str(caught.value)


def pickled(path, images, targets, mean=0.5):
    images = np.asarray(images, np.float32) / 255 - mean
    path.write_bytes(b"".join(pickle.dumps(part) for part in (mean, images, np.asarray(targets), [])))
    return path


@pytest.mark.parametrize("value", [-1, 256, np.nan, np.inf, -np.inf, 1e30])
def test_patches_with_impossible_pixels_are_skipped(tmp_path, value):
    images = np.full((3, 16, 16), 7.0)
    images[1, 3, 5] = value
    path = pickled(tmp_path / "a.pkl", images, np.zeros((3, 4)))
    patches, skipped = everything([Chunk(TK03, path)])
    assert [patch.source for patch in patches] == ["tk03/0", "tk03/2"]
    assert all((patch.rgbx == 7).all() for patch in patches)
    assert [(item.name, item.reason) for item in skipped] == [("a.pkl: patch 1", "pixels outside 0..255")]


@pytest.mark.parametrize("label", [0.5, 2, -1, np.nan])
def test_patches_with_an_unknown_label_are_skipped(tmp_path, label):
    path = pickled(tmp_path / "a.pkl", np.zeros((2, 16, 16)), [[0.4, 0.5, 0.5, label], [0.4, 0.5, 0.5, 1]])
    patches, skipped = everything([Chunk(TK03, path)])
    assert [patch.facts.ball for patch in patches] == [1]
    assert [item.reason for item in skipped] == ["is_ball is not 0 or 1"]


@pytest.mark.parametrize(
    "circle", [(0, 0.5, 0.5), (1.1, 0.5, 0.5), (0.4, -0.3, 0.5), (0.4, 0.5, 1.3), (0.4, np.nan, 0.5)]
)
def test_a_ball_in_an_impossible_place_has_an_unknown_circle(tmp_path, circle):
    path = pickled(tmp_path / "a.pkl", np.zeros((1, 16, 16)), [[*circle, 1]])
    ((patch,), _) = everything([Chunk(TK03, path)])
    assert patch.facts.ball == 1
    assert np.isnan(patch.facts.circle).all()


@pytest.mark.parametrize("count", [3, 5])
def test_another_number_of_objects_gives_one_line(tmp_path, count):
    path = tmp_path / "tk03.pkl"
    path.write_bytes(b"".join(pickle.dumps(1.0) for _ in range(count)))
    with pytest.raises(UserError, match=f"expected mean, images, targets and paths. Received: {count} objects"):
        list(read(Chunk(TK03, path), hashlib.sha256()))


def test_these_patches_fit_only_grey_combined_16x16_families():
    for task in ("classification", "detection"):
        fitting = [family for family in all_families(task) if source.fits(family)]
        assert {(family.channels, family.camera, family.size) for family in fitting} == {(1, "combined", 16)}
