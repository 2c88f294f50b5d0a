"""Finds balls in pictures and patches and writes the results: the steps of `predict.py` in both projects."""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from common.cli.find_run import default_output_dir
from common.cli.printable import printable
from common.errors import UserError
from dataset_tools.scanning import circles
from dataset_tools.scanning.frames import frames
from dataset_tools.scanning.network_input import Plan
from dataset_tools.scanning.results import whole_folder, write_results
from dataset_tools.scanning.scan import Found, scan
from dataset_tools.sources.skip_counts import Skips


def check_seen(count: int, skips: Skips) -> None:
    """Raises a UserError if no picture and no patch could be read."""
    if not count:
        received = "; ".join(skips.lines()) or "logs without candidates"
        raise UserError(f"nothing in the sources could be read. Received: {received}.")


def plan_of(arguments: argparse.Namespace, scorer) -> Plan:
    """Returns the plan for finding and cutting candidates, from the command line and the model."""
    border = scorer.border if arguments.border is None else arguments.border
    radius = tuple(sorted(arguments.radius))
    return Plan(scorer.size, scorer.channels, scorer.rule, border, radius, arguments.scale, arguments.candidates)


def predict(arguments: argparse.Namespace, classifier, detector) -> None:
    """Finds balls in all sources, and writes and prints the results.

    Args:
        classifier, detector: robot_export.scorer.Scorer or similar. Without a classifier, every patch counts as
            a ball. Without a detector, the circles are in the middle of the candidates.

    Raises:
        UserError: a source or a model cannot be used; nothing is written.
    """
    total, skips, start = sum(1 for _ in frames(arguments.sources)), Skips(), time.perf_counter()
    first, threshold, origin = detector, 0.5, "every patch counts as a ball"
    if classifier:
        first, threshold, origin = classifier, classifier.threshold, classifier.threshold_from
    plan = plan_of(arguments, first)

    def judge(X: np.ndarray) -> np.ndarray:
        return classifier.predict(X) if classifier else np.ones((len(X), 1), np.float32)

    def found_balls():
        for found, answers in scan(frames(arguments.sources), total, plan, judge, arguments.jobs, skips.add):
            if not classifier and found.size is not None:
                raise UserError("pictures need --classifier, because a detector does not decide what is a ball.")
            yield found, *balls_of(found, answers, threshold, detector and detector.predict, plan.scale)

    about = {"model": first.name, "threshold": threshold, "radius": list(plan.radius)}
    wanted = arguments.output_dir or default_output_dir() / f"predict-{first.name.replace('/', '-')}"
    with whole_folder(wanted) as (folder, place):
        counts = write_results(folder, about, found_balls(), total, arguments.max_pictures, arguments.label_studio)
        check_seen(counts["pictures"] + counts["patches"], skips)
    for line in skips.lines():
        print(printable(line), file=sys.stderr)
    print(f"threshold {threshold:.6g}: {origin}")
    seen = [what for what in ("pictures", "patches") if counts[what]]
    rate = f"{counts[seen[0]] / (time.perf_counter() - start):.1f} {seen[0]} per second"
    print(", ".join([*(f"{what}: {counts[what]}" for what in ("balls", *seen, "candidates")), rate]))
    print(f"detections, pictures and contact sheet: {place}")


def balls_of(
    found: Found, answers: np.ndarray, threshold: float, locate: Callable | None, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the balls among the candidates of a picture, without overlaps; a patch is not checked for overlaps.

    Args:
        answers: [n, 1 or 4], for each candidate its score, or its score and circle.
        threshold: scores at or above it count as balls.
        locate: X -> [n, 3], the circle in fractions of the patch. If `locate` is None, the circle comes from `answers`
            or, if `answers` has no circles, is in the middle of the candidate.
        scale: side of a candidate in ball diameters.

    Returns:
        Circles [k, 3], radius, x and y in pixels; scores [k]; indices of their candidates [k].
    """
    chosen = np.flatnonzero(answers[:, 0] >= threshold)
    boxes, scores = found.boxes[chosen], answers[chosen, 0]
    if locate is not None and len(chosen):
        balls = circles.in_pixels(boxes, locate(found.X[chosen]))
    elif answers.shape[1] == 4:
        balls = circles.in_pixels(boxes, answers[chosen, 1:])
    else:
        balls = circles.in_the_middle(boxes, scale)
    kept = np.arange(len(balls)) if found.size is None else circles.merge_circles(balls, scores)
    return balls[kept], scores[kept], chosen[kept]
