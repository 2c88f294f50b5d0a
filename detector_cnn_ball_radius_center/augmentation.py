"""Augments batches for the detector; the pixels and the circle of a patch move together."""

from collections.abc import Callable
from functools import partial

import numpy as np
import tensorflow as tf

from common.training import augmentation_ops

# The labelled centre is this far to the right of the visible centre and this far below it, in fractions of the patch.
# In a 16x16 patch, the offset is about a tenth of a pixel. It comes from how the patches were sampled and labelled, so
# a flip of the patch does not change the direction of the offset.
LABEL_OFFSET = (0.004, 0.01)
# The strength of the lighting changes (see `make_augmentation`), and the largest standard deviation of the noise in
# grey levels.
LIGHT, NOISE = 1.0, 6.0


def make_augmentation(
    seed: int, flips: bool = True, turns: bool = True, offset=LABEL_OFFSET, light: float = LIGHT, noise: float = NOISE
) -> Callable:
    """Creates the augmentation.

    The defaults are the values of the recipe. Other values are for measuring the effect of a single part of the recipe.

    The order is: geometry first, then light, then noise, then clipping to 0..255.

    Args:
        seed: seed for the noise.
        flips: mirror horizontally and vertically.
        turns: transpose; together with flips, this produces quarter turns.
        offset: see `LABEL_OFFSET`.
        light: strength of the lighting changes; with 1, the brightness changes by up to 30 grey levels, the contrast by
            up to 30 %, and the tone by up to 0.3.
        noise: largest standard deviation, in grey levels.

    Returns:
        A function (x float32 [n, h, w, c] in 0..255, y float32 [n, 3] circles, seed int32 [2]) -> (x, y); each patch
        gets its own changes.
    """
    pool = augmentation_ops.noise_pool(1 << 20, [seed, 7])

    def augmentation(x, y, seed):
        draw = partial(augmentation_ops.draw, seed, tf.shape(x)[0])
        x = augmentation_ops.unpack_chroma(x)
        chances = (0.5 * turns, 0.5 * flips, 0.5 * flips)
        transposed, flip_x, flip_y = (draw(salt, 0, 1) < chance for salt, chance in enumerate(chances))
        x, y = turn(x, y, transposed, flip_x, flip_y, offset)
        brightness, contrast, tone = (light * draw(salt, -far, far) for salt, far in ((7, 30), (8, 0.3), (9, 0.3)))
        x = augmentation_ops.relight(x, brightness, 1 + contrast, tone)
        x = augmentation_ops.add_noise(x, draw(10, 0, noise), pool, seed)
        return augmentation_ops.pack_chroma(tf.clip_by_value(x, 0.0, 255.0)), y

    return augmentation


def turn(x, y, transposed, flip_x, flip_y, offset=LABEL_OFFSET):
    """Transposes patches and then flips them, together with their circles.

    Args:
        x: float32 [n, h, w, planes], square.
        y: float32 [n, 3], circles [radius, center_x, center_y].
        transposed, flip_x, flip_y: bool [n].
        offset: see `LABEL_OFFSET`.

    Returns:
        The transformed x and y.
    """
    y, offset = tf.convert_to_tensor(y, tf.float32), tf.constant(offset, tf.float32)
    x = flip(augmentation_ops.transpose(x, transposed), flip_x, flip_y)
    centre = y[:, 1:] - offset
    centre = tf.where(transposed[:, tf.newaxis], centre[:, ::-1], centre)
    centre = tf.where(tf.stack([flip_x, flip_y], 1), 1 - centre, centre)
    return x, tf.concat([y[:, :1], centre + offset], 1)


def flip(x, flip_x, flip_y):
    """Mirrors some patches without changing any pixel value.

    flip_x, flip_y: bool [n], which patches to mirror horizontally and which to mirror vertically. The patches are
    multiplied by mirrored identity matrices, because reversing an axis takes several times as long.
    """

    def mirrors(size, chosen):
        identity = np.eye(size, dtype=np.float32)
        return tf.gather(np.stack([identity, identity[::-1]]), tf.cast(chosen, tf.int32))

    return augmentation_ops.multiply(mirrors(x.shape[1], flip_y), x, mirrors(x.shape[2], flip_x))
