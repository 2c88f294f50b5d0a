"""Augments whole batches: light, noise, zooms, shifts and blur, drawn anew for each patch and step.

All functions use only TensorFlow, on float32 [n, height, width, planes] with 1 plane (Y) or 3 (Y, U, V); they return
the same results in eager mode and in the compiled training step. One resampling step flips, zooms, shifts and blurs,
with two small matrix products per patch, not gathers. Random numbers come only from a seed pair, not from global state.
"""

import tensorflow as tf


def draw(seed, n: int, salt: int, low: float, high: float):
    """Draws n numbers from low to high. `seed`, int32 [2], differs from step to step, and `salt` from use to use."""
    return tf.random.stateless_uniform([n], seed + tf.constant([salt * 1_000_003, 0]), low, high)


def unpack_chroma(x):
    """Unpacks [n, h, w, 2], with U in the even and V in the odd columns of channel 1, into [n, h, w, 3] of Y, U, V.

    Each U and V belongs to two neighbouring pixels, so that a flip or shift moves colours with their pixels.
    Patches with one channel are returned unchanged.
    """
    if x.shape[-1] == 1:
        return x
    y, uv = x[..., :1], x[..., 1]
    u, v = (tf.repeat(uv[:, :, start::2], 2, axis=2)[..., tf.newaxis] for start in (0, 1))
    return tf.concat([y, u, v], -1)


def pack_chroma(x):
    """Reverses `unpack_chroma`: takes the means of U and V over two neighbouring columns, and interleaves them."""
    if x.shape[-1] == 1:
        return x
    means = 0.5 * (x[:, :, 0::2, 1:] + x[:, :, 1::2, 1:])  # [n, h, w / 2, (U, V)]
    shape = tf.shape(x)
    return tf.stack([x[..., 0], tf.reshape(means, [shape[0], shape[1], shape[2]])], -1)


def transpose(x, chosen):
    """Mirrors patches along the main diagonal if `chosen`, bool [n], is set; with flips, this makes quarter turns."""
    return tf.where(chosen[:, tf.newaxis, tf.newaxis, tf.newaxis], tf.transpose(x, [0, 2, 1, 3]), x)


def resample(x, scale_x, scale_y, shift_x, shift_y, blur):
    """Samples every patch bilinearly on a moved and stretched grid; outside the patch, the edge pixels are repeated.

    Output pixel k shows the input at (k - middle) * scale + middle + shift, where middle = (size - 1) / 2: a scale of
    -1 is an exact flip, a scale below 1 enlarges. A point at the fraction f of the width moves to
    0.5 + (f - 0.5 - shift / width) / scale.

    Args:
        scale_x, scale_y: [n] input pixels per output pixel, negative to flip. shift_x, shift_y: [n] pixels.
        blur: [n] extra half width, in pixels, of the triangle filter; 0 for none.
    """
    rows = _sampling_matrix(x.shape[1], scale_y, shift_y, blur)
    columns = _sampling_matrix(x.shape[2], scale_x, shift_x, blur)
    return multiply(rows, x, columns)


def multiply(rows, x, columns):
    """Multiplies every plane by `rows` [n, h, h] from the left and `columns` [n, w, w], transposed, from the right."""
    planes = [tf.squeeze(x, -1)] if x.shape[-1] == 1 else tf.unstack(x, axis=-1)  # unstacking one plane would copy it
    planes = [tf.matmul(rows, tf.matmul(plane, columns, transpose_b=True)) for plane in planes]
    return planes[0][..., tf.newaxis] if len(planes) == 1 else tf.stack(planes, -1)


def _sampling_matrix(size: int, scale, shift, blur):
    """Returns triangle weights around each sampled position, [n, size, size]; every row sums to 1."""
    middle = (size - 1) / 2
    pixels = tf.range(size, dtype=tf.float32)
    positions = (pixels - middle) * scale[:, tf.newaxis] + (middle + shift)[:, tf.newaxis]
    positions = tf.clip_by_value(positions, 0.0, size - 1.0)
    weights = tf.nn.relu(1 + blur[:, tf.newaxis, tf.newaxis] - tf.abs(positions[:, :, tf.newaxis] - pixels))
    return weights / tf.reduce_sum(weights, -1, keepdims=True)


def relight(x, brightness, contrast, tone):
    """Changes only the light of the Y plane; values are not clipped.

    Args:
        brightness: [n] grey levels to add.
        contrast: [n] factor for the difference from the patch's mean.
        tone: [n] in -1..1, a gamma-like curve y + tone * y * (1 - y) on 0..1. A tone of 0.5 raises middle grey by 32
            levels. (A real power function would take longer than all other augmentations together.)
    """
    brightness, contrast, tone = (v[:, tf.newaxis, tf.newaxis, tf.newaxis] for v in (brightness, contrast, tone))
    y = x[..., :1]
    mean = tf.reduce_mean(y, [1, 2], keepdims=True)
    # Computes (y - mean) * contrast + mean + brightness, and the curve, in as few passes over the pixels as possible.
    y = tf.clip_by_value(y * contrast + (mean * (1 - contrast) + brightness), 0.0, 255.0)
    y *= (1 + tone) - tone / 255 * y
    return y if x.shape[-1] == 1 else tf.concat([y, x[..., 1:]], -1)


def noise_pool(size: int, seed):
    """Draws standard normal noise [size] once for many batches, because drawing it would take a sixth of every step."""
    return tf.random.stateless_normal([size], seed)


def add_noise(x, amplitude, pool, seed):
    """Adds sensor noise to all planes; the noise comes from a random place in the pool.

    amplitude: [n], standard deviation in grey levels. pool: from `noise_pool`, at least as large as x.
    """
    # The rows are gathered, not sliced: for XLA, the start of a slice is a constant, so XLA would compile again for
    # every start.
    row = x.shape[2] * x.shape[3]
    rows = tf.reshape(pool[: pool.shape[0] // row * row], [-1, row])
    count = tf.shape(x)[0] * x.shape[1]
    start = tf.random.stateless_uniform([], seed, 0, rows.shape[0] - count + 1, tf.int32)
    noise = tf.reshape(tf.gather(rows, start + tf.range(count)), tf.shape(x))
    return x + amplitude[:, tf.newaxis, tf.newaxis, tf.newaxis] * noise
