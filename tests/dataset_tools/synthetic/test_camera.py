"""The camera samples pixels as the robot does, preserves the amount of light, and adds blur, noise and sharpening."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dataset_tools.synthetic import camera
from dataset_tools.synthetic.shapes import Canvas

from .plain_optics import plain_optics


def test_chroma_is_computed_as_in_pillow_and_interleaved():
    rgb = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16)).astype(np.uint8)
    made = camera.luma_and_chroma(rgb).astype(int)
    for picture, out in zip(rgb, made, strict=True):
        y, u, v = np.moveaxis(
            np.asarray(Image.fromarray(np.moveaxis(picture, 0, -1)).convert("YCbCr")).astype(int), -1, 0
        )
        assert np.abs(out[..., 0] - y).max() <= 1
        assert np.abs(out[:, 0::2, 1] - (u[:, 0::2] + u[:, 1::2]) / 2).max() <= 1
        assert np.abs(out[:, 1::2, 1] - (v[:, 0::2] + v[:, 1::2]) / 2).max() <= 1


@given(st.integers(1, 200), st.sampled_from([16, 32]))
def test_point_sampling_follows_the_robots_rule(side, size):
    step = side / size
    slow = [min(int((k + 0.5) * step + 0.5), side - 1) for k in range(size)]
    assert camera.sample_indices(np.array([side]), size)[0].tolist() == slow


def test_expose_reads_the_image_at_the_sampled_pixels():
    canvas, side = Canvas(48, 8), 48  # one canvas pixel per camera pixel, so each sample is one canvas pixel
    at = np.arange(canvas.side)
    image = (1 + np.sin(2 * np.pi * 3 * at / 64)[None, :] * np.cos(2 * np.pi * 2 * at / 64)[:, None])[None, None]
    out = camera.expose(image.astype(np.float32), plain_optics(1, side), canvas, 16)[0, 0]
    index = camera.sample_indices(np.array([side]), 16)[0] + canvas.margin
    loss = np.sinc(3 / 64) * np.sinc(2 / 64)  # the contrast that is left after averaging over a pixel's area
    assert out == pytest.approx(1 + (image[0, 0][np.ix_(index, index)] - 1) * loss, abs=1e-4)


def test_blur_keeps_the_light_and_lowers_the_contrast():
    canvas = Canvas(48, 8)
    image = np.random.default_rng(0).random((3, 1, 64, 64)).astype(np.float32)
    optics = plain_optics(3, 48)
    optics.focus[1] = 0.05
    optics.motion_x[2] = 0.3
    assert camera.transfer(optics, canvas)[:, 0, 0] == pytest.approx(1)
    spread = camera.expose(image, optics, canvas, 16).std((1, 2, 3))
    assert max(spread[1:]) < 0.6 * spread[0]


def test_small_patches_repeat_pixels_with_their_noise():
    optics = plain_optics(1, 10)
    optics.read_noise[:] = 0.1
    light = np.full((1, 1, 16, 16), 0.5, np.float32)
    X = camera.develop(light, optics, np.random.default_rng(0))[0, 0]
    index = camera.sample_indices(np.array([10]), 16)[0]
    same = np.flatnonzero(np.diff(index) == 0)
    assert len(same)
    assert np.array_equal(X[same], X[same + 1])
    assert np.array_equal(X[:, same], X[:, same + 1])
    assert X.std() > 5


def test_without_noise_a_brighter_scene_never_gives_a_darker_picture():
    light = np.linspace(0, 1.5, 256, dtype=np.float32).reshape(1, 1, 16, 16)
    for change in ({}, {"gamma": 0.45}, {"contrast": 0.7}, {"black": 0.06}, {"gain": 2}, {"studio": 1}):
        optics = plain_optics(1, 48)
        for name, value in change.items():
            getattr(optics, name)[:] = value
        values = camera.develop(light, optics, np.random.default_rng(0)).ravel().astype(int)
        assert (np.diff(values) >= 0).all()
        assert (values[0], values[-1]) == ((16, 235) if "studio" in change else (0, 255))
    values = camera.develop(light, plain_optics(1, 48), np.random.default_rng(0))
    assert values.ravel() == pytest.approx(np.round(light.ravel().clip(0, 1) * 255), abs=1)


def test_contrast_brightens_the_upper_half_and_darkens_the_lower():
    light = np.tile(np.array([0.25, 0.5, 0.75, 1], np.float32), 4).reshape(1, 1, 4, 4)
    optics = plain_optics(1, 48)
    optics.contrast[:] = 0.5
    values = camera.develop(light, optics, np.random.default_rng(0))[0, 0, 0] / 255
    assert values[[1, 3]] == pytest.approx([0.5, 1], abs=0.003)
    assert values[0] < 0.22
    assert values[2] > 0.78


def test_noise_grows_with_the_light_and_depends_on_the_seed():
    optics = plain_optics(2, 48)
    optics.noise[:], optics.read_noise[:] = 0.05, 0.01
    light = np.stack([np.full((1, 32, 32), 0.04), np.full((1, 32, 32), 0.5)]).astype(np.float32)
    X = camera.develop(light, optics, np.random.default_rng(0))
    wanted = 255 * np.sqrt(np.array([0.04, 0.5]) * 0.05**2 + 0.01**2)
    assert X.std((1, 2, 3)) == pytest.approx(wanted, rel=0.1)
    assert np.array_equal(X, camera.develop(light, optics, np.random.default_rng(0)))
    assert not np.array_equal(X, camera.develop(light, optics, np.random.default_rng(1)))


def test_sharpening_raises_the_contrast_of_details_and_keeps_the_light():
    canvas = Canvas(48, 8)
    optics = plain_optics(2, 48)
    optics.sharpen[1] = 2
    transfer = camera.transfer(optics, canvas)
    assert transfer[:, 0, 0] == pytest.approx(1)
    assert (transfer[1] >= transfer[0] - 1e-6).all()
    assert transfer[1, 0, 20] > 1.5 * transfer[0, 0, 20]
