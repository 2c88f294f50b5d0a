"""`predict.py`: what finding balls in pictures takes in every project; the command line and the story."""

import argparse
import math
import os
import sys
import time
from pathlib import Path

from common.cli.printable import printable
from common.cli.program import Parser
from common.errors import UserError

RADIUS = (6.0, 90.0)  # pixels, of balls in pictures of 640x480
SCALE = 1.3  # side of a candidate in diameters: the middle of what patches are cut with
CANDIDATES = 100
PICTURES = 200


def add_scan_options(parser: Parser, candidates: int = CANDIDATES) -> None:
    """Declares how pictures are searched."""
    add = parser.add_argument_group("candidates").add_argument
    text = "smallest and largest radius of a ball in pixels (default: %(default)s)"
    add("--radius", type=float, nargs=2, default=RADIUS, metavar=("MIN", "MAX"), help=text)
    add("--scale", type=float, default=SCALE, metavar="F", help="side of a patch in diameters (default: %(default)s)")
    add("--candidates", type=int, default=candidates, metavar="N", help="most of a picture (default: %(default)s)")
    text = "pixels by which patches are cut larger (default: as the model's training patches)"
    add("--border", type=int, metavar="N", help=text)
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes that read (default: %(default)s)")


def check_scan_options(arguments: argparse.Namespace) -> None:
    """Refuses what cannot be searched for.

    Raises:
        UserError: a value out of range.
    """
    low, high = arguments.radius
    if not 2 <= low <= high <= 2000:
        raise UserError(f"--radius takes two numbers of pixels from 2 to 2000, smaller first. Received: {low} {high}.")
    for name, value, least, most in (
        ("scale", arguments.scale, 0.5, 5),
        ("candidates", arguments.candidates, 1, 10_000),
        ("border", arguments.border or 0, 0, 100),
        ("jobs", arguments.jobs, 1, 256),
    ):
        if not least <= value <= most:
            raise UserError(f"--{name} lies from {least} to {most}. Received: {value}.")


def prediction_parser(description: str) -> Parser:
    """A parser for `predict.py MODEL SOURCE...`; the project adds its own options."""
    parser = Parser(description=description)
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="the folder of a run, a .keras, .tflite or .onnx file")
    add("sources", type=Path, nargs="+", metavar="SOURCE", help="pictures, folders, zips, NaoTH logs, patch files (.h5)")
    text = "a score at or above it is a ball (default: the one shipped with the classifier)"
    add("--threshold", type=float, metavar="X", help=text)
    text = "folder for all that is written (default: a new predict-NAME in the output folder; a taken name gets a number)"
    add("--output-dir", type=Path, metavar="DIR", help=text)
    text = "most pictures that are drawn, evenly over all (default: %(default)s)"
    add("--max-pictures", type=int, default=PICTURES, metavar="N", help=text)
    text = "also write the drawn pictures as Label Studio tasks with these balls as predictions"
    add("--label-studio", action=argparse.BooleanOptionalAction, default=False, help=text)
    add_scan_options(parser)
    return parser


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuses wrong numbers and sources that are not there, before anything large is imported.

    Raises:
        UserError: one of them.
    """
    check_scan_options(arguments)
    if arguments.threshold is not None and not (math.isfinite(arguments.threshold) and 0 <= arguments.threshold < 2):
        raise UserError(f"--threshold lies in [0, 2). Received: {arguments.threshold}.")
    if arguments.max_pictures < 0:
        raise UserError(f"--max-pictures is at least 0. Received: {arguments.max_pictures}.")
    for path in arguments.sources:
        if not path.exists():
            raise UserError(f"there is no such file or folder. Received: {path}.")


def predict(arguments: argparse.Namespace, scorer, locate, output_dir: Path) -> None:
    """Finds balls in all sources, writes and prints.

    Args:
        arguments: of the command line.
        scorer: decides: a robot_export.scorer.Scorer, or alike; without a file it takes every patch for a ball.
        locate: X -> [n, 3], the circle in fractions of the patch; None: the middle of the candidate.
        output_dir: where the folder is made, unless the command line names it.
    """
    from dataset_tools.scanning import circles as found_circles
    from dataset_tools.scanning.frames import Frame, frames
    from dataset_tools.scanning.network_input import NetworkInput
    from dataset_tools.scanning.results import Results, whole_folder
    from dataset_tools.scanning.scan import Plan, scan
    from dataset_tools.cutting.record_store import Skips

    border = scorer.border if arguments.border is None else arguments.border
    wanted = NetworkInput(scorer.size, scorer.channels, scorer.rule, border)
    plan = Plan(wanted, tuple(arguments.radius), arguments.scale, arguments.candidates)
    total = sum(isinstance(item, Frame) for item in frames(arguments.sources))
    about = {"model": scorer.name, "threshold": scorer.threshold, "radius": list(arguments.radius)}
    folder = arguments.output_dir or output_dir / f"predict-{scorer.name.replace('/', '-')}"
    skips, start = Skips(), time.perf_counter()
    with whole_folder(folder) as (hidden, place):
        with Results(hidden, about, total, arguments.max_pictures, arguments.label_studio) as results:
            for found, answers in scan(
                frames(arguments.sources), total, plan, scorer.predict, arguments.jobs, skips.add
            ):
                chosen = (answers[:, 0] >= scorer.threshold).nonzero()[0]
                scores, boxes = answers[chosen, 0], found.boxes[chosen]
                if locate is not None and len(chosen):
                    balls = found_circles.of_answers(boxes, locate(found.X[chosen]))
                elif answers.shape[1] == 4:
                    balls = found_circles.of_answers(boxes, answers[chosen, 1:])
                else:
                    balls = found_circles.of_boxes(boxes, arguments.scale)
                if found.size is not None:
                    if scorer.file is None:
                        raise UserError("pictures need --classifier: a detector alone does not say what is a ball.")
                    kept = found_circles.merge(balls, scores)
                    balls, scores, chosen = balls[kept], scores[kept], chosen[kept]
                results.add(found, balls, scores, chosen)
    seconds = time.perf_counter() - start
    for line in skips.lines():
        print(printable(line), file=sys.stderr)
    print(f"threshold {scorer.threshold:.6g}: {scorer.threshold_from}")
    seen = " and ".join(
        f"{number} {what}" for number, what in ((results.pictures, "pictures"), (results.patches, "patches")) if number
    )
    print(
        f"{results.balls} balls in {seen or 'nothing that can be read'}; {results.candidates} candidates, "
        f"{(results.pictures or results.patches) / seconds:.1f} {'pictures' if results.pictures else 'patches'} per second"
    )
    print(f"detections, pictures and contact sheet: {place[0]}")
