"""Simulates the camera: converts linear light on a canvas to the bytes of a patch, sampled as on the robot.

Focus blur, motion blur, the pixel's area and the camera's sharpening are all linear, so they can be combined into one
product in the Fourier domain. The few pixels that the robot reads are computed exactly from this product, without a
full image.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from dataset_tools.synthetic.shapes import Canvas


@dataclass(frozen=True)
class Optics:
    """The camera's settings for n patches; every field is float32 [n].

    side: side of the candidate patch in whole camera pixels. focus: standard deviation of the blur, motion_x and
    motion_y: distance moved during the exposure, all in patch widths. sharpen: gain of the camera's edge enhancement,
    halo: its radius in camera pixels. gain: exposure. gamma: exponent of the tone curve. contrast: weight of an
    S-curve. black: level that becomes 0. studio: if above 0, the output range is 16..235. noise, read_noise: standard
    deviation of the noise at full light and in the dark, both in linear light.
    """

    side: np.ndarray
    focus: np.ndarray
    motion_x: np.ndarray
    motion_y: np.ndarray
    sharpen: np.ndarray
    halo: np.ndarray
    gain: np.ndarray
    gamma: np.ndarray
    contrast: np.ndarray
    black: np.ndarray
    studio: np.ndarray
    noise: np.ndarray
    read_noise: np.ndarray


def sample_indices(side: np.ndarray, size: int) -> np.ndarray:
    """Applies the robot's point sampling: returns the pixel of the patch for each cell of the network's input.

    Args:
        side: sides of patches in pixels, int [n].
        size: cells along one side of the network input.

    Returns:
        int [n, size]: int((k + 0.5) * step + 0.5) for k = 0..size-1, step = side / size, clamped to side - 1.
    """
    side = np.asarray(side)[:, None]
    index = ((np.arange(size) + 0.5) * (side / size) + 0.5).astype(np.int64)
    return np.minimum(index, side - 1)


def transfer(optics: Optics, canvas: Canvas) -> np.ndarray:
    """Combines blur, motion, pixel area and sharpening into one transfer function: float32 [n, side, side // 2 + 1]."""
    fx = (fft.rfftfreq(canvas.side) * canvas.patch).astype(np.float32)[None, None, :]  # cycles per patch width
    fy = (fft.fftfreq(canvas.side) * canvas.patch).astype(np.float32)[None, :, None]

    def column(name):
        return getattr(optics, name).astype(np.float32)[:, None, None]

    pixel = 1 / column("side")
    out = np.exp(-2 * (np.pi * column("focus")) ** 2 * (fx * fx + fy * fy))
    out *= np.sinc(fx * column("motion_x") + fy * column("motion_y"))
    out *= np.sinc(fx * pixel) * np.sinc(fy * pixel)
    halo = (np.pi * pixel * column("halo")) ** 2
    surround = np.exp(-2 * halo * fx * fx) * np.exp(-2 * halo * fy * fy)
    return out * (1 + column("sharpen") * (1 - surround))


def expose(image: np.ndarray, optics: Optics, canvas: Canvas, size: int) -> np.ndarray:
    """Computes the linear light at the sampled pixels, without noise.

    Args:
        image: float32 [n, colours, side, side].

    Returns:
        float32 [n, colours, size, size].
    """
    side = image.shape[-1]
    spectrum = fft.rfft2(image)
    spectrum *= transfer(optics, canvas)[:, None]
    centre = (sample_indices(optics.side.astype(np.int64), size) + 0.5) / optics.side[
        :, None
    ]  # [n, size], patch widths
    at = centre * canvas.patch + canvas.margin - 0.5  # canvas pixels
    rows = np.exp(2j * np.pi * at[:, :, None] * fft.fftfreq(side)).astype(np.complex64) / side
    columns = np.exp(2j * np.pi * fft.rfftfreq(side)[:, None] * at[:, None, :]).astype(np.complex64) / side
    columns[:, 1:-1] *= 2  # the image is real, so the other half of the spectrum is the conjugate
    return np.matmul(np.matmul(rows[:, None], spectrum), columns[:, None]).real.astype(np.float32)


def develop(light: np.ndarray, optics: Optics, rng: np.random.Generator) -> np.ndarray:
    """Applies exposure, sensor noise, tone curve and quantisation.

    Args:
        light: float32 [n, colours, size, size], linear.

    Returns:
        uint8 of the same shape: luma, or gamma-corrected R, G, B.
    """

    def column(name):
        return getattr(optics, name).astype(np.float32)[:, None, None, None]

    size = light.shape[-1]
    light = np.maximum(light * column("gain"), 0)
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    for k in np.flatnonzero(optics.side < size):  # in small patches, a camera pixel with its noise fills several cells
        index = sample_indices(optics.side[k : k + 1].astype(np.int64), size)[0]
        noise[k] = noise[k][:, index][:, :, index]
    light += noise * np.sqrt(light * column("noise") ** 2 + column("read_noise") ** 2)
    tone = np.clip(light, 0, 1) ** column("gamma")
    tone += column("contrast") * (tone * tone * (3 - 2 * tone) - tone)
    tone = (tone - column("black")) / (1 - column("black"))
    tone = np.clip(tone, 0, 1) * 255
    tone = np.where(column("studio") > 0, 16 + tone * (219 / 255), tone)
    return (tone + 0.5).astype(np.uint8)


def luma_and_chroma(rgb: np.ndarray) -> np.ndarray:
    """Converts RGB to the two channels of a YUV422 patch, with the JPEG formulas that Pillow uses for RGB -> YCbCr.

    Args:
        rgb: uint8 [n, 3, size, size].

    Returns:
        uint8 [n, size, size, 2]: Y; U in even and V in odd columns, each the mean of two neighbours.
    """
    r, g, b = np.moveaxis(rgb.astype(np.float32), 1, 0)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    u = -0.168736 * r - 0.331264 * g + 0.5 * b + 128
    v = 0.5 * r - 0.418688 * g - 0.081312 * b + 128
    chroma = np.empty_like(y)
    chroma[:, :, 0::2] = (u[:, :, 0::2] + u[:, :, 1::2]) / 2
    chroma[:, :, 1::2] = (v[:, :, 0::2] + v[:, :, 1::2]) / 2
    return (np.clip(np.stack([y, chroma], -1), 0, 255) + 0.5).astype(np.uint8)
