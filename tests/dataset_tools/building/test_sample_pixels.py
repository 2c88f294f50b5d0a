"""Compares the network's input with the result of a slow, obviously correct computation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dataset_tools.building.colour import to_channels
from dataset_tools.building.sample_pixels import as_it_is, average, positions, sample_indices


def rgbx(rgb):
    """Packs uint8 [height, width, 3] into uint32 [height, width]."""
    red, green, blue = (rgb[..., channel].astype("<u4") for channel in range(3))
    return red | green << 8 | blue << 16 | np.uint32(0xFF000000)


def one_pixel(rgb):
    """Converts one pixel to YCbCr with Pillow."""
    return Image.new("RGB", (1, 1), tuple(int(value) for value in rgb)).convert("YCbCr").getpixel((0, 0))


def slow_positions(side, size, method):
    found = []
    for k in range(size):
        step = side / size
        index = int((k + 0.5) * step + 0.5) if method != "corners" else int(k * step)
        found.append(min(index, side - 1))
    return found


def slow_patch(rgb, size, chroma, method="centres"):
    """Converts a patch to YUV422 at full size, pixel by pixel, and then samples its pixels and interleaves U and V."""
    height, width, _ = rgb.shape
    ycbcr = [[one_pixel(rgb[row, column]) for column in range(width)] for row in range(height)]
    result = np.zeros((size, size, 2 if chroma else 1), np.uint8)
    for i, row in enumerate(slow_positions(height, size, method)):
        for j, column in enumerate(slow_positions(width, size, method)):
            result[i, j, 0] = ycbcr[row][column][0]
            if chroma:
                first = column - column % 2
                second = min(first + 1, width - 1)
                u, v = ((ycbcr[row][first][c] + ycbcr[row][second][c]) // 2 for c in (1, 2))
                result[i, j, 1] = u if j % 2 == 0 else v
    return result


def fast_patch(rgb, size, chroma, method="centres"):
    height, width, _ = rgb.shape
    indices = sample_indices(height, width, size, method, chroma)
    samples = rgbx(rgb).reshape(-1)[indices]
    return to_channels(samples.reshape(1, -1, size, size))[0]


@pytest.mark.parametrize("method", ["centres", "corners", "naoth"])
@pytest.mark.parametrize("chroma", [False, True])
@pytest.mark.parametrize("size", [16, 32])
@pytest.mark.parametrize("shape", [(9, 9), (16, 16), (21, 21), (32, 32), (40, 40), (47, 33), (20, 35), (1, 1), (7, 2)])
def test_the_result_equals_the_slow_computation(shape, size, chroma, method):
    rgb = np.random.default_rng(shape).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert np.array_equal(fast_patch(rgb, size, chroma, method), slow_patch(rgb, size, chroma, method))


def test_a_batch_gives_the_same_result_as_single_patches():
    generator = np.random.default_rng(0)
    patches = [generator.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (18, 23, 50)]
    samples = [rgbx(rgb).reshape(-1)[sample_indices(*rgb.shape[:2], 16, "centres", True)] for rgb in patches]
    batch = to_channels(np.array(samples).reshape(3, 2, 16, 16))
    assert np.array_equal(batch, np.stack([fast_patch(rgb, 16, True) for rgb in patches]))


@pytest.mark.parametrize("size", [16, 32])
@pytest.mark.parametrize("shape", [(9, 9), (16, 16), (21, 21), (40, 40), (47, 33), (1, 1)])
def test_area_is_the_mean_of_the_pixels_that_a_cell_covers(shape, size):
    """Divides every pixel into size x size parts, so that each cell covers exactly height x width parts."""
    height, width = shape
    rgb = np.random.default_rng(shape).integers(0, 256, (*shape, 3), dtype=np.uint8)
    small = rgb.repeat(size, 0).repeat(size, 1).reshape(size, height, size, width, 3).astype(np.float64)
    wanted = np.floor(small.mean((1, 3)) + 0.5 + 1e-9)
    assert np.array_equal(average(rgbx(rgb), size), rgbx(wanted.astype(np.uint8)).reshape(-1))


def test_the_area_rule_keeps_the_brightness_of_pictures_without_colour():
    gray = np.full((20, 20), 77, np.uint32)  # a highest byte of 0 means that the picture has no colour
    assert np.array_equal(average(gray, 16), np.full(256, 77))


def test_positions_that_were_computed_by_hand():
    # 16 cells of 2.5 pixels each: 0.5 is added to the centres 1.25, 3.75, 6.25, ..., and the sums are rounded down
    assert positions(40, 16).tolist() == [1, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 29, 31, 34, 36, 39]
    assert positions(40, 16, "corners").tolist() == [0, 2, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 30, 32, 35, 37]
    assert positions(16, 16).tolist() == [*range(1, 16), 15]


@given(st.integers(1, 700), st.sampled_from([16, 32]))
def test_positions_ascend_inside_the_patch_near_the_centres_of_cells(side, size):
    found = positions(side, size)
    assert found.min() >= 0
    assert found.max() <= side - 1
    assert (np.diff(found) >= 0).all()
    middles = (np.arange(size) + 0.5) * side / size
    assert (np.abs(found - np.minimum(middles, side - 1)) <= 0.5 + 1e-9).all()


@pytest.mark.parametrize("size", [16, 32])
def test_positions_follow_the_rule_in_integers_for_every_side(size):
    for side in range(1, 1025):
        wanted = [min(((2 * k + 1) * side + size) // (2 * size), side - 1) for k in range(size)]
        assert positions(side, size).tolist() == wanted


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([16, 32]), st.integers(0, 2**32))
def test_two_channels_equal_the_slow_computation_for_any_shape(height, width, size, seed):
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert np.array_equal(fast_patch(rgb, size, True), slow_patch(rgb, size, True))


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_a_uniform_colour_stays_uniform_with_u_in_even_and_v_in_odd_columns(height, width, red, green, blue):
    found = fast_patch(np.full((height, width, 3), (red, green, blue), np.uint8), 16, True)
    y, u, v = one_pixel((red, green, blue))
    assert (found[..., 0] == y).all()
    assert (found[:, 0::2, 1] == u).all()
    assert (found[:, 1::2, 1] == v).all()


def test_pictures_without_colour_stay_unchanged():
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    samples = gray.astype("<u4").reshape(-1)[as_it_is(16, 16, False)]
    assert np.array_equal(to_channels(samples.reshape(1, 1, 16, 16))[0, ..., 0], gray)


def test_columns_of_subsampled_patches_are_paired():
    own, neighbour = as_it_is(2, 3, True).reshape(2, 2, 3).tolist()
    assert own == [[0, 1, 2], [3, 4, 5]]
    assert neighbour == [[1, 0, 2], [4, 3, 5]]
