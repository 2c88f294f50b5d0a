"""Computes the metrics of a classifier and a detector that are used together, as on the robot.

A patch is a detection if the classifier's probability reaches the threshold; the detector's circle gives the position.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.runs.brightness_and_size import BRIGHTNESS_CLASSES, class_of, mean_brightness
from common.runs.evaluation import load_predictor
from detector_cnn_ball_radius_center import metrics


@dataclass(frozen=True)
class Scored:
    """The outputs of both models for a set of patches.

    probability: float32 [n], from the classifier. circle: float [n, 3], from the detector. brightness: [n], mean of Y.
    truth: float [n, 3], the true circles, or None for patches without a ball.
    """

    probability: np.ndarray
    circle: np.ndarray
    brightness: np.ndarray
    truth: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.probability)

    def take(self, chosen: np.ndarray) -> "Scored":
        """Returns the chosen patches."""
        truth = None if self.truth is None else self.truth[chosen]
        return Scored(self.probability[chosen], self.circle[chosen], self.brightness[chosen], truth)


def score(classifier: Path, detector: Path, classification, detection) -> tuple[Scored, Scored]:
    """Scores both models on the balls of the detection file and the patches without a ball of the classification file.

    Args:
        classifier, detector: .keras files.
        classification, detection: common.datasets.patch_file.Patches.

    Raises:
        UserError: a model cannot be loaded, or expects patches of another shape.
    """
    decide, locate = (load_predictor(file, detection.X.shape[1:], n) for file, n in ((classifier, 1), (detector, 3)))
    empty = classification.take(classification.y == 0)
    balls, others = (
        Scored(decide(X)[:, 0], locate(X), mean_brightness(X), truth)
        for X, truth in ((detection.X, detection.y), (empty.X, None))
    )
    return balls, others


def evaluate(balls: Scored, others: Scored, threshold: float) -> dict[str, float]:
    """Returns all metrics of the pair of models.

    Metrics that are not defined are left out, for example the mean IoU if no ball was found.

    Args:
        balls: patches with a ball and their true circles, from the detection file.
        others: patches without a ball, from the classification file.
        threshold: the lowest probability that counts as a detection, compared as float32.
    """
    threshold = np.float32(threshold)
    numbers = {"balls": len(balls), "others": len(others)}
    if len(balls):
        found = balls.probability >= threshold
        iou = metrics.circle_iou(balls.truth, balls.circle)
        numbers["detection_rate"] = float(found.mean())
        for limit in metrics.IOU_LIMITS:
            numbers[f"detection_rate_iou_{limit:g}"] = float(np.mean(found & (iou > limit)))
        if found.any():
            numbers["mean_iou"] = float(iou[found].mean())
    if len(others):
        alarms = int(np.sum(others.probability >= threshold))
        numbers |= {"false_positives": alarms, "false_positives_per_1000": 1000 * alarms / len(others)}
    return numbers


def evaluate_groups(balls: Scored, others: Scored, threshold: float) -> list[dict[str, str | float]]:
    """Returns the metrics by brightness of the patch and by radius.

    The radius is the true radius for balls, and the predicted radius for patches without a ball.
    """
    kinds = {
        "brightness": (balls.brightness, others.brightness, BRIGHTNESS_CLASSES),
        "radius": (balls.truth[:, 0], others.circle[:, 0], metrics.RADIUS_CLASSES),
    }
    rows = []
    for group, (*values, classes) in kinds.items():
        of_balls, of_others = (class_of(value, classes) for value in values)
        for name in classes:
            numbers = evaluate(balls.take(of_balls == name), others.take(of_others == name), threshold)
            if numbers["balls"] + numbers["others"]:
                rows.append({"group": group, "name": name} | numbers)
    return rows


def operating_curve(balls: Scored, others: Scored, points: int = 200) -> dict[str, np.ndarray]:
    """Returns the detection rates and the false positives per 1000 patches for `points` thresholds.

    One detection rate counts all detections. The other detection rates count only detections with an IoU above a limit.
    """
    thresholds = np.quantile(np.concatenate([balls.probability, others.probability]), np.linspace(1, 0, points))
    iou = metrics.circle_iou(balls.truth, balls.circle)
    found = balls.probability[None, :] >= thresholds[:, None]
    alarms = others.probability[None, :] >= thresholds[:, None]
    curve = {"threshold": thresholds, "detection_rate": found.mean(1)}
    curve |= {f"detection_rate_iou_{limit:g}": (found & (iou > limit)).mean(1) for limit in metrics.IOU_LIMITS}
    return curve | {"false_positives_per_1000": 1000 * alarms.mean(1)}
