import numpy as np
import pytest
from PIL import Image

from dataset_tools.building.subsample_chunk import Plan as BuildPlan
from dataset_tools.building.subsample_chunk import decode
from dataset_tools.cutting import archives, encode_png
from dataset_tools.scanning import candidates, circles, network_input
from dataset_tools.scanning.circles import merge_circles
from dataset_tools.scanning.network_input import Plan
from dataset_tools.sources import borders
from dataset_tools.sources.patch_sources import naoth_chunks


def field(balls, seed=0, width=320, height=240):
    """Brightness of a field with balls (x, y, radius), drawn as bright discs with a dark spot."""
    luma = np.random.default_rng(seed).normal(80, 4, (height, width))
    row, column = np.mgrid[:height, :width] + 0.5
    for x, y, radius in balls:
        away = np.hypot(column - x, row - y)
        luma[away < radius] = 210
        luma[away < 0.3 * radius] = 60
    return np.clip(luma, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("ball", [(60, 50, 7), (200, 120, 22), (150, 100, 60), (20, 215, 18), (301, 17, 15)])
def test_a_ball_of_any_size_is_among_the_first_candidates(ball):
    found = candidates.find(field([ball]), (6, 70), 1.3, 20)
    x, y, radius = found[:, 0] + found[:, 2] / 2, found[:, 1] + found[:, 2] / 2, found[:, 2] / 2.6
    near = np.hypot(x - ball[0], y - ball[1]) < 0.4 * ball[2]
    assert (near & (np.abs(np.log(radius / ball[2])) < np.log(1.35))).any()


def test_a_flat_picture_and_one_too_small_have_no_candidates():
    assert candidates.find(np.full((240, 320), 99, np.uint8), (6, 90), 1.3, 20).shape == (0, 3)
    assert candidates.find(field([(4, 4, 3)], width=7, height=7), (6, 90), 1.3, 20).shape == (0, 3)


def test_the_integral_image_gives_the_same_as_the_pixels():
    luma = field([(100, 80, 30)])
    sums = candidates._integral(luma.astype(np.uint16) ** 2, np.uint32)
    found = candidates._box(sums, 5, 20, 32, 7)
    for row, column in ((0, 0), (3, 11), (found.shape[0] - 1, found.shape[1] - 1)):
        top, left = row * 7 + 5, column * 7 + 5
        assert found[row, column] == (luma[top : top + 20, left : left + 20].astype(float) ** 2).sum()
    assert found.shape == ((240 - 32) // 7 + 1, (320 - 32) // 7 + 1)


@pytest.mark.parametrize("rule", ["centres", "corners", "area"])
@pytest.mark.parametrize("chroma", [False, True])
def test_a_patch_is_cut_from_the_picture_as_in_the_training_data(tmp_path, rule, chroma):
    """A patch that is cut out, written as a PNG and built into a dataset has the same pixels."""
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8))
    boxes = np.array([[3, 5, 40, 42], [50, 20, 66, 36], [10, 0, 99, 89], [7, 7, 21, 21]])
    pixels = np.asarray(image)
    text = {"ball_intersect": 0.0, "p_min_x": 1}
    crops = [pixels[top:bottom, left:right] for left, top, right, bottom in boxes]
    files = [(f"{number}", encode_png.encode(crop.reshape(len(crop), -1), text)) for number, crop in enumerate(crops)]
    archives.write(tmp_path / "top" / "game.zip", files)
    (chunk,) = naoth_chunks(tmp_path, 0)
    built = decode(chunk, BuildPlan((16,), chroma, rule)).pixels[16]
    plan = Plan(16, 2 if chroma else 1, rule, border=0, radius=(6, 90), scale=1.3, most=10)
    assert np.array_equal(network_input.cut(network_input.rgbx(image), boxes, plan), built)


def test_the_reader_of_patches_with_a_border_undoes_it():
    boxes = np.array([[100, 90, 140, 130], [4, 90, 44, 130], [600, 300, 630, 330], [300, 440, 338, 478]])
    grown = borders.grow(boxes, 10, 640, 480)
    for box, large in zip(boxes.tolist(), grown.tolist(), strict=True):
        moved = borders.shift(large, 10)
        assert moved is None or (large[0] + moved[0], large[1] + moved[1]) == (box[0], box[1])
    assert borders.shift(grown[0].tolist(), 10) == (10, 10)
    assert (grown[0] == [90, 80, 140, 130]).all()


def test_overlapping_circles_are_merged_into_the_best():
    found = np.array([[10, 50, 50], [12, 54, 50], [10, 75, 50], [3, 52, 51]], float)
    assert merge_circles(found, np.array([0.8, 0.9, 0.7, 0.95])).tolist() == [3, 2]
    assert merge_circles(found[:0], np.empty(0)).tolist() == []


def test_a_detectors_fractions_become_pixels_of_the_picture():
    boxes = np.array([[10, 20, 50, 60]])
    assert circles.in_pixels(boxes, np.array([[0.4, 0.5, 0.25]])).tolist() == [[16, 30, 30]]
    assert circles.in_the_middle(boxes, 1.25).tolist() == [[16, 30, 40]]
