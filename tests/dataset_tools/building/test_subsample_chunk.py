"""A chunk is converted to pixels and labels; the result for a patch does not depend on the other patches."""

import io

import numpy as np
import pytest
from PIL import Image

from common.datasets.sampling_rules import RULES
from dataset_tools.building.subsample_chunk import Plan, decode
from dataset_tools.sources.patch_sources import devils_chunks, naoth_chunks

BOTH = Plan((16, 32), True, "centres")
BALL = {"ball_intersect": 0.9, "ball_center_x": 9, "ball_center_y": 8, "ball_radius": 7, "p_max_x": 21, "p_max_y": 21}


@pytest.fixture
def chunk(tmp_path, png, zip_of):
    """A function that makes a log with the given pictures and returns its only chunk."""

    def make(files, name="log"):
        zip_of(tmp_path / name / "top" / "log.zip", files)
        (made,) = naoth_chunks(tmp_path / name, 0)
        return made

    return make


@pytest.fixture
def pictures(png):
    """Patches of several shapes, one of them with a ball."""
    shapes = {"a.png": 9, "b.png": (33, 20), "c.png": 32, "d.png": 50, "e.png": 16}
    return {name: png(shape, seed=seed) for seed, (name, shape) in enumerate(shapes.items())} | {
        "f.png": png(21, **BALL)
    }


def same(one, other):
    """Returns whether two tables of columns contain the same values; NaN equals NaN."""
    return one.keys() == other.keys() and all(
        np.array_equal(one[key], other[key], equal_nan=one[key].dtype.kind == "f") for key in one
    )


@pytest.mark.parametrize("method", RULES)
def test_a_patch_does_not_depend_on_its_neighbours_or_on_what_else_is_made(chunk, pictures, method):
    plan = Plan((16, 32), True, method)
    whole = decode(chunk(pictures), plan)
    assert whole.pixels[32].shape == (6, 32, 32, 2)
    assert (whole.label, len(whole.recordings), whole.skipped) == (("naoth", "top/log"), 6, [])
    for index, (name, content) in enumerate(pictures.items()):
        alone = decode(chunk({name: content}, name), plan)
        assert same(alone.columns, {key: values[index : index + 1] for key, values in whole.columns.items()})
        assert all(np.array_equal(alone.pixels[size][0], whole.pixels[size][index]) for size in plan.sizes)
    for other in (Plan((32,), False, method), Plan((16,), True, method)):
        part = decode(chunk(pictures), other)
        assert same(part.columns, whole.columns)  # otherwise, duplicates and splits would depend on the plan
        (size,) = other.sizes
        assert np.array_equal(part.pixels[size], whole.pixels[size][..., : 1 + other.chroma])


@pytest.mark.parametrize("method", RULES)
def test_a_uniform_patch_stays_uniform(chunk, png, method):
    colour = (200, 30, 90)
    y, u, v = Image.new("RGB", (1, 1), colour).convert("YCbCr").getpixel((0, 0))
    made = decode(chunk({"a.png": png(np.full((27, 19, 3), colour, np.uint8))}), Plan((16, 32), True, method))
    for pixels in made.pixels.values():
        assert set(pixels[..., 0].flat) == {y}
        assert (set(pixels[:, :, 0::2, 1].flat), set(pixels[:, :, 1::2, 1].flat)) == ({u}, {v})


@pytest.mark.parametrize("method", RULES)
def test_patches_that_were_saved_at_the_networks_size_stay_unchanged(tmp_path, png, zip_of, method):
    content = png(32)
    path = zip_of(tmp_path / "devils.zip", {"game/1.00/1_upper.png": content, "game/0.00/2_lower.png": content})
    (part,) = devils_chunks(path)
    made = decode(part, Plan((32,), False, method))
    with Image.open(io.BytesIO(content)) as picture:
        assert np.array_equal(made.pixels[32][0, ..., 0], np.asarray(picture.convert("YCbCr"))[..., 0])
    assert made.columns["ball"].tolist() == [0, 1]
    assert np.isnan(made.columns["side"]).all()


def test_the_columns_describe_each_patch(chunk, pictures):
    columns = decode(chunk(pictures), BOTH).columns
    assert columns["ball"].tolist() == [0] * 5 + [0.9]
    assert columns["circle"][5] == pytest.approx(np.array([7, 9, 8]) / 21)
    assert np.isnan(columns["circle"][:5]).all()
    assert columns["side"].tolist() == [9, 33, 32, 50, 16, 21]
    assert columns["source"].tolist() == [f"top/log/{name}".encode() for name in pictures]


def test_skipped_patches_are_left_out_and_change_the_digest(chunk, pictures):
    whole = decode(chunk(pictures), BOTH)
    more = decode(chunk({"aa.png": b"no picture", **pictures}, "more"), BOTH)
    assert [item.reason for item in more.skipped] == ["not a PNG file"]
    assert same(more.columns, whole.columns)
    assert more.digest != whole.digest == decode(chunk(pictures), BOTH).digest
    assert more.packed_bytes == whole.packed_bytes + len(b"no picture")
    nothing = decode(chunk({"aa.png": b"no picture"}, "nothing"), BOTH)
    assert {size: pixels.shape for size, pixels in nothing.pixels.items()} == {
        16: (0, 16, 16, 2),
        32: (0, 32, 32, 2),
    }
    assert {key: values.shape[1:] for key, values in nothing.columns.items()} == {
        key: values.shape[1:] for key, values in whole.columns.items()
    }
