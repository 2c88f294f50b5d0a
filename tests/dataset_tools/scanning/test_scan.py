"""Frames keep their order and get the outputs of their own candidates, whatever the batch size."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from dataset_tools.annotations.record import Record
from dataset_tools.scanning import scan as scanning
from dataset_tools.scanning.frames import frames
from dataset_tools.scanning.network_input import Plan, cut, rgbx
from dataset_tools.scanning.scan import of_frames, scan
from dataset_tools.sources.patch_sources import Skipped
from tests.dataset_tools.annotations import scenes
from tests.tiny import classification_file

PLAN = Plan(16, 1, "centres", border=0, radius=(6, 40), scale=1.3, most=9)


def judge(X):
    """Returns one output per patch, which depends only on the pixels of that patch."""
    return X.sum(axis=(1, 2, 3), dtype=np.float32)[:, None]


@pytest.fixture(scope="module")
def game(tmp_path_factory):
    folder = tmp_path_factory.mktemp("field")
    for number in range(7):
        scenes.picture(number).save(folder / f"{number}.png")
    (folder / "3.png").write_bytes(b"no picture")
    Image.fromarray(np.full((240, 320, 3), 99, np.uint8)).save(folder / "5.png")  # a flat picture has no candidates
    return folder


@pytest.mark.parametrize("batch", [1, 20, 4096])
def test_every_picture_has_the_outputs_of_its_candidates(game, monkeypatch, batch):
    monkeypatch.setattr(scanning, "BATCH", batch)
    skipped, batches = [], []

    def counted(X):
        batches.append(len(X))
        return judge(X)

    results = list(scan(frames([game]), 7, PLAN, counted, 1, skipped.append))
    assert [found.record.name for found, _ in results] == [f"{number}.png" for number in (0, 1, 2, 4, 5, 6)]
    assert [item.name for item in skipped] == ["3.png"]
    assert skipped[0].reason.startswith("damaged picture")
    for found, answers in results:
        assert len(found.X) == len(found.boxes) == (0 if found.record.name == "5.png" else PLAN.most)
        assert np.array_equal(answers[:, 0], judge(found.X)[:, 0])
        assert found.size == (320, 240)
    assert sum(batches) == 5 * PLAN.most
    assert len(batches) == (1 if batch == 4096 else 2)
    # A batch may exceed the limit, but by less than the number of candidates in one task (four pictures).
    assert max(batches) < batch + 4 * PLAN.most


def test_candidates_are_cut_out_at_their_boxes(game):
    ((found, _), *_) = scan(frames([game]), 7, PLAN, judge, 1, lambda item: None)
    with Image.open(game / "0.png") as image:
        assert np.array_equal(found.X, cut(rgbx(image), found.boxes, PLAN))


def test_a_border_makes_the_patches_larger(game):
    (record,) = frames([game / "0.png"])
    (plain,), (bordered,) = (of_frames([record], replace(PLAN, border=border)) for border in (0, 10))
    inside = (plain.boxes[:, :2] > 10).all(1) & (plain.boxes[:, 2:] + 10 <= (320, 240)).all(1)
    assert inside.any()
    assert np.array_equal(bordered.boxes[inside, :2], plain.boxes[inside, :2] - 10)
    assert np.array_equal(bordered.boxes[inside, 2:], plain.boxes[inside, 2:])


def test_a_small_square_is_one_patch_which_is_used_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (found,) = of_frames(list(frames([tmp_path / "a.png"])), PLAN)
    assert (found.size, found.boxes.tolist()) == (None, [[0, 0, 16, 16]])
    assert np.array_equal(found.X[0, ..., 0], np.asarray(Image.fromarray(pixels).convert("YCbCr"))[..., 0])


def test_patches_of_the_wrong_size_are_refused_and_skipped_pictures_are_passed_on(tmp_path):
    path = classification_file(tmp_path / "a.h5", 60, size=32)
    with pytest.raises(UserError, match=r"a\.h5: patches have the wrong size\. Received: 32x32x1, not 16x16x1"):
        of_frames(list(frames([path])), PLAN)
    skip = Skipped("a", "reason")
    gone = Record("gone.png", (), False, picture=tmp_path / "gone.png")
    assert of_frames([skip, gone], PLAN)[0] is skip
    assert of_frames([gone], PLAN)[0].name == "gone.png"
