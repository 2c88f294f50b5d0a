"""Defines the command line of `python3 dataset_tools/cut.py`: what to cut, and the size and position of patches."""

import argparse
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path

from common.cli.option import add_options, check_limits, option
from common.cli.program import Parser, output_folder
from common.errors import UserError
from dataset_tools.annotations.kinds import BALL, KNOWN, PENALTY, ROBOT

EPILOG = """\
SOURCE is a folder or a file. The format is recognised, or given by --format:
  yolo              labels/NAME.txt for images/NAME.jpg, or beside it; class names are in a yaml file or classes.txt
  coco, label-studio, torso   a json or yaml file; the pictures are in its folder or in --pictures
  voc               an XML file for each picture
  naoth-log         game.log, with --annotations FILE (COCO or Label Studio; picture names contain the frame number)
  naoth-candidates  game.log: the robot's own candidates, without labels
  b-alls            b-alls-2019.hdf5
  classes           patches in folders such as ball and noball

Case, spaces, - and _ in class names do not matter.

The result is ROOT/top/RECORDING.zip and ROOT/bottom/RECORDING.zip with PNG patches; create_datasets.py reads them with
--naoth ROOT. Negatives come only from pictures in which every ball has a box.

Examples:
  python3 dataset_tools/cut.py export.json --pictures ~/pictures --output patches
  python3 dataset_tools/cut.py ~/yolo ~/logs/game.log --annotations boxes.json --output patches
"""


def _usual(kind: str) -> str:
    return ", ".join(sorted(KNOWN[kind]))


@dataclass(frozen=True)
class Geometry:
    """How patches are cut.

    scale: smallest and largest side of a patch, in ball diameters.
    """

    scale: tuple[float, float] = (1.0, 1.7)
    jitter: float = option(
        0.15,
        "maximum x and y distance between the centres of patch and ball, as a fraction of the side (default: 0.15)",
        "F",
        low=0,
        high=2,
    )
    border: float = option(
        0.0, "grow the patch at each edge by this fraction of half its side (default: 0)", "F", low=0, high=2
    )
    per_ball: int = option(4, "patches per ball (default: 4)", "N", low=0, high=1000)
    negatives: int = option(8, "patches without a ball per picture (default: 8)", "N", low=0, high=1000)

    def __post_init__(self):
        check_limits(self)
        low, high = self.scale
        if not 0.1 <= low <= high <= 20:
            raise UserError(f"--scale needs two numbers from 0.1 to 20, smaller first. Received: {low:g} {high:g}.")


@dataclass(frozen=True)
class Settings:
    """What to cut, and how."""

    sources: tuple[Path, ...]
    output: Path
    geometry: Geometry
    recording: re.Pattern | None = None
    replace: bool = option(False, "overwrite archives that have the same names")
    format: str | None = option(None, "format of the sources, see below (default: recognised automatically)", "NAME")
    annotations: tuple[Path, ...] = option((), "COCO or Label Studio files with boxes for pictures of a log", "FILE")
    pictures: Path | None = option(None, "folder of the pictures (default: the source's folder)", "DIR")
    ball_class: tuple[str, ...] = option((), f"class names to read as ball (default: {_usual(BALL)})", "NAME")
    robot_class: tuple[str, ...] = option((), f"class names to read as robot (default: {_usual(ROBOT)})", "NAME")
    penalty_class: tuple[str, ...] = option(
        (), f"class names to read as penalty mark (default: {_usual(PENALTY)})", "NAME"
    )
    empty_is_negative: bool = option(False, "treat pictures without any box in a COCO file as pictures without a ball")
    camera: str | None = option(
        None,
        "camera of pictures whose path does not contain top, upper, bottom or lower (default: top)",
        choices=("top", "bottom"),
    )
    every: int = option(1, "take every Nth picture of a recording (default: 1)", "N", low=1, high=10**9)
    max_per_picture: int = option(50, "maximum number of patches per picture (default: 50)", "N", low=1, high=10**9)
    max_per_recording: int = option(
        20_000, "maximum number of patches per recording (default: 20000)", "N", low=1, high=10**9
    )
    seed: int = option(0, "random seed for sizes and positions (default: 0)", "N", low=0, high=2**63)
    jobs: int = option(os.cpu_count() or 1, "number of processes (default: all cores)", "N", low=1, high=1000)

    def __post_init__(self):
        check_limits(self)
        if self.pictures is not None and not self.pictures.is_dir():
            raise UserError(f"--pictures must be a folder. Received: {self.pictures}.")


def parse_args(argv: list[str] | None = None) -> Settings:
    """Reads the command line.

    Raises:
        UserError: an option has an invalid value.
    """
    parser = Parser(
        prog="python3 dataset_tools/cut.py",
        description="Cuts patches out of annotated pictures and logs, as the robot would.",
        epilog=EPILOG,
        argument_default=argparse.SUPPRESS,
    )
    add = parser.add_argument
    add("sources", nargs="+", type=Path, metavar="SOURCE", help="annotated pictures, logs or patch sets, see below")
    add("--output", type=output_folder, required=True, metavar="ROOT", help="folder for the patch archives")
    text = "regular expression that finds the recording in a picture's path: its first group, or else the whole match"
    add("--recording", type=_pattern, metavar="REGEX", help=text)
    add_options(parser, Settings, groups={})
    text = "minimum and maximum side of a patch in ball diameters (default: 1.0 1.7)"
    group = parser.add_argument_group("patches")
    group.add_argument("--scale", nargs=2, type=float, metavar=("MIN", "MAX"), help=text)
    add_options(group, Geometry, groups={})
    given = vars(parser.parse_args(argv))
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    geometry = Geometry(**{field.name: given.pop(field.name) for field in fields(Geometry) if field.name in given})
    return Settings(geometry=geometry, **given)


def _pattern(text: str) -> re.Pattern:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"not a regular expression: {error}. Received: {text}") from None
