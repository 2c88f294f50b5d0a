"""Computes the detector's metrics: pure functions of true and predicted circles, without I/O.

A circle is [radius, center_x, center_y] in fractions of the patch. Errors in pixels refer to the network's input.
"""

import numpy as np

from common.runs.brightness_and_size import class_of

RADIUS_CLASSES = {"below 0.35": 0.35, "0.35 to 0.45": 0.45, "0.45 and more": np.inf}  # upper ends, fractions
IOU_LIMITS = (0.5, 0.75)


def checked(y, circles) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels and predictions as float64 [n, 3]; raises a ValueError if no metric can be computed from them."""
    y, circles = np.asarray(y, np.float64), np.asarray(circles, np.float64)
    if y.shape != circles.shape or y.ndim != 2 or y.shape[1] != 3 or not len(y):
        raise ValueError(f"Labels and circles must both be [n, 3] with n > 0. Received: {y.shape}, {circles.shape}")
    if not np.isfinite(circles).all() or not np.isfinite(y).all():
        raise ValueError(f"Values of circles must be finite. Received: {np.sum(~np.isfinite(circles))} that are not")
    return y, circles


def circle_iou(a, b) -> np.ndarray:
    """Returns the intersection over union of pairs of circles.

    Args:
        a, b: [n, 3], circles. A circle with a radius of 0 or less is empty: its overlap is 0.

    Returns:
        float64 [n] in 0..1.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    distance = np.hypot(a[:, 1] - b[:, 1], a[:, 2] - b[:, 2])
    r, s = np.maximum(a[:, 0], 0), np.maximum(b[:, 0], 0)
    lens = _segment(r, s, distance) + _segment(s, r, distance)
    lens = np.where(distance <= np.abs(r - s), np.pi * np.minimum(r, s) ** 2, lens)
    lens = np.where(distance >= r + s, 0, lens)
    union = np.pi * (r**2 + s**2) - lens
    return np.divide(lens, union, out=np.zeros_like(lens), where=union > 0)


def _segment(r: np.ndarray, s: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Returns the area that the common chord cuts off a circle of radius r, on the side of the other circle."""
    twice = 2 * r * distance
    cosine = np.divide(distance**2 + r**2 - s**2, twice, out=np.ones_like(twice), where=twice > 0)
    half_angle = np.arccos(np.clip(cosine, -1, 1))
    return r**2 * (half_angle - np.sin(half_angle) * np.cos(half_angle))


def center_errors(y, circles) -> np.ndarray:
    """Returns the distance between the centres as a fraction of the patch, float64 [n]."""
    y, circles = checked(y, circles)
    return np.hypot(circles[:, 1] - y[:, 1], circles[:, 2] - y[:, 2])


def evaluate(y, circles, size: int) -> dict[str, float]:
    """Returns all metrics of a set of patches, by name.

    `*_px` are in pixels, `*_fraction` are fractions of the patch. `bias_*` is the mean predicted value minus the mean
    true value, in pixels.

    Args:
        y, circles: [n, 3], true and predicted.
        size: width of the patches in pixels.
    """
    y, circles = checked(y, circles)
    iou, numbers = circle_iou(y, circles), {"patches": len(y)}
    for what, error in (("center", center_errors(y, circles)), ("radius", np.abs(circles[:, 0] - y[:, 0]))):
        for name, value in (("median", np.median(error)), ("mean", error.mean()), ("p95", np.percentile(error, 95))):
            numbers[f"{name}_{what}_error_px"] = float(value * size)
            numbers[f"{name}_{what}_error_fraction"] = float(value)
    numbers["mean_iou"] = float(iou.mean())
    numbers |= {f"iou_above_{limit:g}": float(np.mean(iou > limit)) for limit in IOU_LIMITS}
    bias = (circles - y).mean(0) * size
    return numbers | {f"bias_{name}_px": float(v) for name, v in zip(("radius", "x", "y"), bias, strict=True)}


def of_drawn_patches(y, circles, size: int):
    """Returns a function that computes the metrics for comparing models on a bootstrap sample.

    The function takes the number of times that each patch is drawn, int [n], and returns the median centre error and
    the median radius error in pixels, the mean IoU, and the fraction of balls with an IoU above 0.75.
    """
    y, circles = checked(y, circles)
    centre, radius = center_errors(y, circles) * size, np.abs(circles[:, 0] - y[:, 0]) * size
    iou = circle_iou(y, circles)

    def measure(times):
        rows = np.repeat(np.arange(len(times)), times)
        overlap = iou[rows]
        medians = float(np.median(centre[rows])), float(np.median(radius[rows]))
        return (*medians, float(overlap.mean()), float(np.mean(overlap > IOU_LIMITS[1])))

    return measure


def radius_class(radius) -> np.ndarray:
    """Returns the name of the radius class of each patch, str [n]."""
    return class_of(radius, RADIUS_CLASSES)


def evaluate_groups(y, circles, size: int, **groups) -> list[dict[str, str | float]]:
    """Returns one row for each group of patches: `group`, `name` and the metrics of `evaluate`, sorted by name.

    Args:
        y, circles, size: see `evaluate`.
        **groups: kinds of groups, such as `camera=` and `recording=`: str [n], the group of each patch. If a value is
            None, there are no rows for this kind.
    """
    y, circles = checked(y, circles)
    rows = []
    for group, members in {"radius": radius_class(y[:, 0]), **groups}.items():
        members = np.asarray([] if members is None else members)
        for name in np.unique(members):
            chosen = members == name
            rows.append({"group": group, "name": str(name)} | evaluate(y[chosen], circles[chosen], size))
    return rows


def baseline(y, mean_circle, size: int) -> dict[str, float]:
    """Returns the metrics of a baseline without a network: the mean of the training circles for every patch."""
    numbers = evaluate(y, np.tile(np.asarray(mean_circle, np.float64), (len(y), 1)), size)
    kept = ("median_center_error_px", "median_radius_error_px", "mean_iou")
    return {f"baseline_{name}": numbers[name] for name in kept}
