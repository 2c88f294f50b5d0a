"""Measures the search for balls in annotated pictures: recall, false alarms per picture, and speed.

    .venv/bin/python benchmarks/picture_search.py MODEL SOURCE... [--detector MODEL] [--training FILE...]

SOURCE is anything that `dataset_tools/cut.py` reads. A ball counts as found if the centre of a predicted circle is
inside the ball and the two radii differ by less than a factor of 1.6. The intervals come from a bootstrap over
pictures. These intervals are too narrow, because pictures from the same video are similar to each other. With
--training, the script first counts the balls that look like a training patch, because the model may have memorised
them.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from common.cli.program import run_main
from common.errors import UserError
from common.runs.bootstrap import bootstrap_interval
from dataset_tools.annotations import picture, recognise
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.record import Record
from dataset_tools.cutting import circles_and_boxes
from dataset_tools.mining.ranking import Known
from dataset_tools.scanning import network_input
from dataset_tools.scanning.find_balls import balls_of, plan_of
from dataset_tools.scanning.predict_options import add_scan_options
from dataset_tools.scanning.scan import Found, scan
from robot_export.foreign_options import Foreign
from robot_export.scorer import check_alike, open_scorer

RADII = 1.6


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("sources", type=Path, nargs="+")
    parser.add_argument("--detector", type=Path)
    parser.add_argument("--training", type=Path, nargs="+", default=[], help="the model's training files")
    add_scan_options(parser)
    return parser.parse_args(argv)


def known_balls(found: Found) -> list[circles_and_boxes.Circle]:
    record = found.record
    return circles_and_boxes.scene_of(record, *found.size, picture.scale(record, *found.size))[0].balls


def frames_of(paths: list[Path]) -> list[Record]:
    sources = [source for path in paths for source in recognise.recognise(path)]
    return [item for item in recognise.records(sources, Classes.of()) if isinstance(item, Record)]


def count(found: Found, circles: np.ndarray) -> tuple[int, int, int]:
    """Counts the balls, the balls that were found, and the predicted circles that are not balls."""
    balls, left = known_balls(found), np.ones(len(circles), bool)
    hits = 0
    for ball in balls:
        away = np.hypot(circles[:, 1] - ball.x, circles[:, 2] - ball.y)
        ratio = circles[:, 0] / ball.radius
        hit = (away < ball.radius) & (ratio < RADII) & (ratio > 1 / RADII)
        hits += bool(hit.any())
        left &= away >= ball.radius
    return len(balls), hits, int(left.sum())


def like_training(frames: list[Record], plan, files: list[Path]) -> str:
    """Counts the annotated balls that look like a training patch when they are cut at one of several scales."""
    known, like, total = Known(files), 0, 0
    for record in frames:
        image = picture.read(record)
        pixels = network_input.rgbx(image)
        empty = np.empty((0, 4), np.int64)
        for ball in known_balls(Found(record, empty, empty, image.size)):
            total += 1
            sides = [round(2 * ball.radius * scale) for scale in (1.0, 1.15, 1.3, 1.5, 1.7)]
            corners = [(round(ball.x - side / 2), round(ball.y - side / 2), side) for side in sides]
            inside = [(x, y, x + s, y + s) for x, y, s in corners if min(x, y) >= 0]
            inside = [box for box in inside if box[2] <= image.width and box[3] <= image.height]
            X = network_input.cut(pixels, np.array(inside, np.int64).reshape(-1, 4), plan)
            like += any(known.like(patch) == "training" for patch in X)
    return f"{like} of {total} balls look like one of {len(known)} training patches"


def main(argv=None) -> None:
    args = parse_args(argv)
    classifier = open_scorer(args.model, (1, 4), Foreign())
    detector = open_scorer(args.detector, (3,), Foreign()) if args.detector else None
    check_alike([classifier, detector or classifier])
    plan, frames, rows = plan_of(args, classifier), frames_of(args.sources), []
    if not frames:
        raise UserError("no annotated picture.")
    if args.training:
        print(like_training(frames, plan, args.training))
    classifier.predict(np.zeros((1, plan.size, plan.size, plan.channels), np.uint8))
    begin = time.perf_counter()
    for found, answers in scan(frames, len(frames), plan, classifier.predict, args.jobs, print):
        locate = detector and detector.predict
        rows.append(count(found, balls_of(found, answers, classifier.threshold, locate, args.scale)[0]))
    seconds = time.perf_counter() - begin
    balls, hits, alarms = np.array(rows).T
    share = bootstrap_interval(lambda all_, found: found.sum() / max(all_.sum(), 1), balls, hits)
    print(f"balls found: {hits.sum() / balls.sum():.3f} [{share[0]:.3f}, {share[1]:.3f}]")
    low, high = bootstrap_interval(np.mean, alarms)
    print(f"false alarms per picture: {alarms.mean():.2f} [{low:.2f}, {high:.2f}]")
    print(f"{len(rows)} pictures, {balls.sum()} balls, {len(rows) / seconds:.1f} pictures per second, {args.jobs} jobs")


if __name__ == "__main__":
    sys.exit(run_main(main))
