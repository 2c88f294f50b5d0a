"""Finds balls in pictures and patches and writes the results; the steps of `predict.py` in all projects."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.cli.printable import printable
from common.errors import UserError
from dataset_tools.scanning import circles
from dataset_tools.scanning.frames import frames
from dataset_tools.scanning.merge_circles import merge_circles
from dataset_tools.scanning.network_input import NetworkInput
from dataset_tools.scanning.results import Results, whole_folder
from dataset_tools.scanning.scan import Found, Plan, check_finite, scan
from dataset_tools.sources.skip_counts import Skips

Locate = Callable[[np.ndarray], np.ndarray]


def plan_of(arguments: argparse.Namespace, scorer) -> Plan:
    """How candidates are found and cut, according to the command line and the model."""
    border = scorer.border if arguments.border is None else arguments.border
    wanted = NetworkInput(scorer.size, scorer.channels, scorer.rule, border)
    return Plan(wanted, tuple(arguments.radius), arguments.scale, arguments.candidates)


def predict(arguments: argparse.Namespace, scorer, locate: Locate | None, output_dir: Path) -> None:
    """Finds balls in all sources, and writes and prints the results.

    Args:
        arguments: the command-line arguments.
        scorer: a robot_export.scorer.Scorer or similar, which decides; without a file, every patch counts as a ball.
        locate: X -> [n, 3], the circle in fractions of the patch; None: the middle of the candidate.
        output_dir: where the folder is made, unless the command line names one.

    Raises:
        UserError: a source or a model cannot be used; nothing is written.
    """
    total = sum(1 for _ in frames(arguments.sources))
    about = {"model": scorer.name, "threshold": scorer.threshold, "radius": list(arguments.radius)}
    wanted = arguments.output_dir or output_dir / f"predict-{scorer.name.replace('/', '-')}"
    skips, start = Skips(), time.perf_counter()
    with (
        whole_folder(wanted) as (folder, place),
        Results(folder, about, total, arguments.max_pictures, arguments.label_studio) as results,
    ):
        plan, items = plan_of(arguments, scorer), frames(arguments.sources)
        for found, answers in scan(items, total, plan, scorer.predict, arguments.jobs, skips.add):
            if scorer.file is None and found.size is not None:
                raise UserError("pictures need --classifier, because a detector does not decide what is a ball.")
            results.add(found, *balls_of(found, answers, scorer.threshold, locate, arguments.scale))
    seconds = time.perf_counter() - start
    for line in skips.lines():
        print(printable(line), file=sys.stderr)
    print(f"threshold {scorer.threshold:.6g}: {scorer.threshold_from}")
    print(results.summary(seconds))
    print(f"detections, pictures and contact sheet: {place[0]}")


def balls_of(
    found: Found, answers: np.ndarray, threshold: float, locate: Locate | None, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The balls among the candidates of a picture, without overlaps; separate patches are not compared.

    Args:
        found: the candidates.
        answers: [n, 1 or 4], the score and perhaps the circle of each.
        threshold: a score at or above it is a ball.
        locate: see `predict`.
        scale: side of a candidate in diameters.

    Returns:
        Circles [k, 3], radius, x and y in pixels; scores [k]; index of the candidate of each, [k].
    """
    chosen = np.flatnonzero(answers[:, 0] >= threshold)
    boxes, scores = found.boxes[chosen], answers[chosen, 0]
    if locate is not None and len(chosen):
        balls = circles.of_answers(boxes, check_finite(locate(found.X[chosen])))
    elif answers.shape[1] == 4:
        balls = circles.of_answers(boxes, answers[chosen, 1:])
    else:
        balls = circles.of_boxes(boxes, scale)
    if found.size is None:
        return balls, scores, chosen
    kept = merge_circles(balls, scores)
    return balls[kept], scores[kept], chosen[kept]
