"""Defines the losses for training the detector, under the names that --loss accepts.

A circle is [radius, center_x, center_y] in fractions of the patch; the origin is its top left corner. Every patch of a
detection file shows a ball (dataset_tools/building/choose_patches.py), so the losses need no special case for patches
without a ball.
"""

import math
from collections.abc import Callable

import tensorflow as tf

# The Huber loss is quadratic for errors below this fraction of the patch, and linear for larger errors. In a 16x16
# patch, the fraction is a third of a pixel.
HUBER_DELTA = 0.02
SMALLEST_RADIUS = 0.01  # fraction of the patch; the IoU of a smaller predicted circle is computed with this radius


def make_loss(name: str) -> Callable:
    """Returns the loss for a name that `--loss` accepts.

    Returns:
        (true circles [n, 3], predicted circles [n, 3]) -> loss per patch [n].
    """
    return {"huber": huber, "mae": mean_absolute_error, "circle-iou": circle_iou_loss}[name]


def mean_absolute_error(y, circle):
    """Returns the mean absolute difference of the three values of a circle, as a fraction of the patch; shape [n]."""
    return tf.reduce_mean(tf.abs(circle - y), 1)


def huber(y, circle):
    """Returns the Huber loss (Robust Estimation of a Location Parameter, 1964) in units of `HUBER_DELTA`; shape [n]."""
    error = tf.abs(circle - y) / HUBER_DELTA
    near = tf.minimum(error, 1.0)
    return tf.reduce_mean(near * (error - 0.5 * near), 1)


def circle_iou_loss(y, circle):
    """Returns 1 - IoU of the two circles, plus a penalty for the distance between their centres; shape [n].

    Because of the penalty, the loss has a useful gradient even if the circles do not overlap. The IoU of circles is
    from Yang et al., CircleNet: Anchor-free Glomerulus Detection with Circle Representation, 2020. The penalty is the
    squared distance between the centres divided by the squared diameter of the smallest circle around both circles
    (Zheng et al., Distance-IoU Loss, 2020, describe it for boxes). If the predicted radius is below SMALLEST_RADIUS,
    another penalty is added.
    """
    radius = tf.maximum(circle[:, 0], SMALLEST_RADIUS)
    # The constant keeps the gradient of the distance finite where the centres coincide.
    distance = tf.sqrt(tf.reduce_sum((circle[:, 1:] - y[:, 1:]) ** 2, 1) + 1e-8)
    overlap = _lens_area(y[:, 0], radius, distance)
    union = math.pi * (y[:, 0] ** 2 + radius**2) - overlap
    around = tf.maximum(distance + y[:, 0] + radius, 2 * tf.maximum(y[:, 0], radius))  # diameter
    missing = tf.nn.relu(1 - circle[:, 0] / SMALLEST_RADIUS)
    return 1 - overlap / union + (distance / around) ** 2 + missing


def _lens_area(a, b, distance):
    """Returns the area of the intersection of circles with radii a and b, with its exact gradient; all shapes are [n].

    The derivative with respect to the distance is minus the length of the common chord. The derivative with respect to
    a radius is the length of the arc inside the other circle. These derivatives are finite everywhere, unlike the
    automatic derivatives of acos and sqrt.
    """

    @tf.custom_gradient
    def area(a, b, distance):
        apart, inside = distance >= a + b, distance <= tf.abs(a - b)
        half_a, half_b = _half_angle(a, b, distance), _half_angle(b, a, distance)
        chord = 2 * a * tf.sin(half_a)
        lens = a**2 * half_a + b**2 * half_b - 0.5 * chord * distance
        lens = tf.where(inside, math.pi * tf.minimum(a, b) ** 2, tf.where(apart, 0.0, lens))
        chord = tf.where(inside | apart, 0.0, chord)

        def gradient(upstream):
            return upstream * 2 * a * half_a, upstream * 2 * b * half_b, -upstream * chord

        return lens, gradient

    return area(a, b, distance)


def _half_angle(a, b, distance):
    """Returns half the central angle of the arc of circle a that is inside circle b, 0 to pi; all shapes are [n]."""
    cosine = (distance**2 + a**2 - b**2) / (2 * a * tf.maximum(distance, 1e-6))
    return tf.acos(tf.clip_by_value(cosine, -1.0, 1.0))
