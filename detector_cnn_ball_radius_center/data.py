"""The detector's training pipeline: pixels and circle of a patch move together between the file and the network."""

from collections.abc import Callable

# How far the labelled centre lies right of and below the middle of what the pixels show, fractions of the patch: about
# a tenth of a pixel of 16. A flip mirrors the picture, but not how patches are sampled and labelled (RECIPE.md).
LABEL_OFFSET = (0.004, 0.01)
CENTRE_LIMITS = (0.05, 0.95)  # fractions of the patch; augmentation never pushes a centre past them
PATCHES_SEEN = 2_500_000  # in a training of default length


def make_augmentation(seed: int) -> Callable:
    """Makes the augmentation of the default recipe.

    Order: geometry first (it interpolates, so it must not blur the noise), then light, then noise, then the range of a
    camera's byte.

    Returns:
        (x float32 [n, h, w, c] of 0..255, y float32 [n, 3] circles, seed int32 [2]) -> the same; drawn per patch.
    """
    import tensorflow as tf

    from common import augment

    pool = augment.noise_pool(1 << 20, [seed, 7])

    def augmentation(x, y, seed):
        n = tf.shape(x)[0]

        def draw(salt, low, high):
            return augment.draw(seed, n, low, high, salt)

        x = augment.unpack_chroma(x)
        transposed, flip_x, flip_y = (draw(salt, 0, 1) < 0.5 for salt in (0, 1, 2))
        x, y = move(x, y, transposed, flip_x, flip_y)
        x = augment.relight(x, draw(7, -30, 30), draw(8, 0.7, 1.3), draw(9, -0.3, 0.3))
        x = augment.add_noise(x, draw(10, 0, 6), pool, seed)
        return augment.pack_chroma(tf.clip_by_value(x, 0.0, 255.0)), y

    return augmentation


def move(x, y, transposed, flip_x, flip_y, zoom=None, shift_x=None, shift_y=None, blur=None):
    """Transposes, then flips, zooms, shifts and blurs patches, and moves their circles along.

    A centre that a zoom or shift would carry past `CENTRE_LIMITS` stops there: such a patch is shifted less, so that no
    ball is taught that the patch hardly shows. One that lies beyond in the file stays where it is.

    Args:
        x: float32 [n, h, w, planes], square.
        y: float32 [n, 3], circles [radius, center_x, center_y].
        transposed, flip_x, flip_y: bool [n].
        zoom: [n] input pixels per output pixel, below 1 enlarges; 1 without it.
        shift_x, shift_y: [n] pixels by which the content moves right and down; 0 without it.
        blur: [n] see `common.augment.resample`.

    Returns:
        x and y, moved.
    """
    import tensorflow as tf

    from common import augment

    size = x.shape[1]
    zeros = tf.zeros_like(y[:, 0])
    zoom, shift_x, shift_y, blur = (
        default if given is None else given
        for given, default in ((zoom, zeros + 1), (shift_x, zeros), (shift_y, zeros), (blur, zeros))
    )
    x = augment.transpose(x, transposed)
    radius, *centre = tf.unstack(y, axis=1)
    centre = [value - offset for value, offset in zip(centre, LABEL_OFFSET, strict=True)]
    centre = [tf.where(transposed, other, own) for own, other in zip(centre, reversed(centre), strict=True)]
    scales, shifts = [], []
    for axis, (flip, shift) in enumerate(((flip_x, shift_x), (flip_y, shift_y))):
        scale = tf.where(flip, -zoom, zoom)
        flipped = tf.where(flip, 1 - centre[axis], centre[axis])
        zoomed = 0.5 + (centre[axis] - 0.5) / scale
        low, high = (limit - LABEL_OFFSET[axis] for limit in CENTRE_LIMITS)
        moved = tf.clip_by_value(zoomed + shift / size, tf.minimum(flipped, low), tf.maximum(flipped, high))
        centre[axis] = moved + LABEL_OFFSET[axis]
        scales.append(scale)
        shifts.append((zoomed - moved) * scale * size)
    return augment.resample(x, *scales, *shifts, blur), tf.stack([radius / zoom, *centre], 1)
