"""Augments batches for the classifier."""

from collections.abc import Callable
from functools import partial

import tensorflow as tf

from common.training import augmentation_ops


def make_augmentation(seed: int, light: float = 1.0) -> Callable:
    """Creates the augmentation of the default recipe.

    The geometry changes first, because its interpolation would blur the noise. The lighting is changed next; then noise
    is added, and the values are clipped to 0..255.

    Args:
        seed: seed for the noise.
        light: strength of the lighting changes. With 1, the brightness changes by up to 30 grey levels, the contrast by
            up to 30 %, and the tone by up to 0.3.

    Returns:
        A function (x float32 [n, h, w, c] in 0..255, y [n], seed int32 [2]) -> (x, y); each patch is changed
        differently.
    """
    pool = augmentation_ops.noise_pool(1 << 20, [seed, 7])

    def augmentation(x, y, seed):
        draw = partial(augmentation_ops.draw, seed, tf.shape(x)[0])
        x = augmentation_ops.unpack_chroma(x)
        x = augmentation_ops.transpose(x, draw(0, 0, 1) < 0.5)
        zoom = tf.exp(draw(1, -0.1, 0.1))
        flip_x, flip_y = (tf.where(draw(salt, 0, 1) < 0.5, -1.0, 1.0) for salt in (2, 3))
        x = augmentation_ops.resample(
            x, zoom * flip_x, zoom * flip_y, draw(4, -1, 1), draw(5, -1, 1), draw(6, -0.5, 0.5)
        )
        brightness, contrast, tone = (light * draw(salt, -far, far) for salt, far in ((7, 30), (8, 0.3), (9, 0.3)))
        x = augmentation_ops.relight(x, brightness, 1 + contrast, tone)
        x = augmentation_ops.add_noise(x, draw(10, 0, 6), pool, seed)
        return augmentation_ops.pack_chroma(tf.clip_by_value(x, 0.0, 255.0)), y

    return augmentation
