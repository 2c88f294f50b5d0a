"""A patch that is cut from a picture has the same pixels as in the training data."""

import numpy as np
import pytest
from PIL import Image

from dataset_tools.building.subsample_chunk import Plan as BuildPlan
from dataset_tools.building.subsample_chunk import decode
from dataset_tools.cutting import archives, encode_png
from dataset_tools.scanning import network_input
from dataset_tools.scanning.network_input import Plan
from dataset_tools.sources.patch_sources import naoth_chunks


@pytest.mark.parametrize("rule", ["centres", "corners", "area"])
@pytest.mark.parametrize("chroma", [False, True])
def test_a_patch_is_cut_from_the_picture_as_in_the_training_data(tmp_path, rule, chroma):
    """Cuts a patch, writes it as a PNG and builds a dataset from it: the pixels are the same."""
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
