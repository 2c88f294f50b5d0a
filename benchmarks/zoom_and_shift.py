"""Zooms and shifts patches together with their circles: an augmentation that the detector's recipe leaves out."""

import tensorflow as tf

from common.training import augmentation_ops
from detector_cnn_ball_radius_center.augmentation import LABEL_OFFSET

CENTRE_LIMITS = (0.05, 0.95)  # limits as fractions of the patch size; no centre is moved beyond these limits


def zoom_and_shift(x, y, zoom, shift_x, shift_y, offset=LABEL_OFFSET):
    """Zooms and shifts patches together with their circles.

    If a centre would move beyond `CENTRE_LIMITS`, the patch is shifted less, so that the network is not trained on
    balls that are hardly visible in the patch. A centre that is already outside the limits does not move.

    Args:
        x, y, offset: as for `turn` in the detector's augmentation.
        zoom: [n] input pixels per output pixel; values below 1 enlarge the content.
        shift_x, shift_y: [n] pixels by which the content moves right and down.

    Returns:
        x and y, moved.
    """
    y, offset = tf.convert_to_tensor(y, tf.float32), tf.constant(offset, tf.float32)
    size, factor = x.shape[1], zoom[:, tf.newaxis]
    centre = y[:, 1:] - offset
    zoomed = 0.5 + (centre - 0.5) / factor
    low, high = (limit - offset for limit in CENTRE_LIMITS)
    moved = zoomed + tf.stack([shift_x, shift_y], 1) / size
    moved = tf.clip_by_value(moved, tf.minimum(centre, low), tf.maximum(centre, high))
    shifts = tf.unstack((zoomed - moved) * factor * size, axis=1)
    x = augmentation_ops.resample(x, zoom, zoom, *shifts, tf.zeros_like(zoom))
    return x, tf.concat([y[:, :1] / factor, moved + offset], 1)
