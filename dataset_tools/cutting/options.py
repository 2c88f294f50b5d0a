"""The command line of `python3 dataset_tools/cut.py`."""

import argparse
import math
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path

from common.cli.program import Parser
from common.errors import UserError

EPILOG = """\
SOURCE is a folder or a file. The format is recognised, or given by --format:
  yolo              labels/NAME.txt for images/NAME.jpg, or beside it; class names in a yaml file or classes.txt
  coco, label-studio, torso   a json or yaml file; the pictures are in its folder or in --pictures
  voc               an xml for each picture
  naoth-log         game.log, with --annotations FILE: COCO or Label Studio, frame number in the pictures' names
  naoth-candidates  game.log: the robot's own candidates, without labels
  b-alls            b-alls-2019.hdf5
  classes           patches in folders such as ball and noball

The result is ROOT/top/RECORDING.zip and ROOT/bottom/RECORDING.zip with PNG patches; create_datasets.py reads them with
--naoth ROOT. Negatives come only from pictures in which every ball has a box.

Examples:
  python3 dataset_tools/cut.py export.json --pictures ~/pictures --output patches
  python3 dataset_tools/cut.py ~/yolo ~/logs/game.log --annotations boxes.json --output patches
"""


@dataclass(frozen=True)
class Geometry:
    """How patches are cut; the field names are those of the options.

    scale: smallest and largest side, in diameters of the ball; jitter: largest distance of a patch's centre from the
    ball's, in sides; border: how much a patch grows on every side, in its own radii.
    """

    scale: tuple[float, float] = (1.0, 1.7)
    jitter: float = 0.15
    border: float = 0.0
    per_ball: int = 4
    negatives: int = 8

    def __post_init__(self):
        low, high = self.scale
        if not 0.1 <= low <= high <= 20:
            raise UserError(f"--scale needs two numbers from 0.1 to 20, smaller first. Received: {low:g} {high:g}.")
        for name in ("jitter", "border"):
            _check(self, name, 0, 2)
        for name in ("per_ball", "negatives"):
            _check(self, name, 0, 1000)


@dataclass(frozen=True)
class Settings:
    """What to cut, and how; the field names are those of the options."""

    sources: tuple[Path, ...]
    output: Path
    format: str | None
    annotations: tuple[Path, ...]
    pictures: Path | None
    ball_class: tuple[str, ...]
    robot_class: tuple[str, ...]
    penalty_class: tuple[str, ...]
    empty_is_negative: bool
    camera: str | None
    recording: re.Pattern | None
    every: int
    geometry: Geometry
    max_per_picture: int
    max_per_recording: int
    seed: int
    jobs: int
    replace: bool

    def __post_init__(self):
        for name in ("every", "max_per_picture", "max_per_recording", "jobs"):
            _check(self, name, 1)
        _check(self, "seed", 0)
        if self.pictures is not None and not self.pictures.is_dir():
            raise UserError(f"--pictures must be a folder. Received: {self.pictures}.")


def _check(settings: Geometry | Settings, name: str, low: int, high: float = math.inf) -> None:
    value = getattr(settings, name)
    if not low <= value <= high:
        wanted = f"at least {low}" if high == math.inf else f"from {low} to {high}"
        raise UserError(f"--{name.replace('_', '-')} must be {wanted}. Received: {value:g}.")


def parse_args(argv: list[str] | None = None) -> Settings:
    """Reads the command line.

    Raises:
        UserError: impossible values.
    """
    given = vars(_parser().parse_args(argv))
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    return Settings(geometry=Geometry(**{field.name: values.pop(field.name) for field in fields(Geometry)}), **values)


def _parser() -> Parser:
    parser = Parser(
        prog="python3 dataset_tools/cut.py",
        description="Cuts patches out of annotated pictures and logs, as the robot would.",
        epilog=EPILOG,
    )
    add = parser.add_argument
    switch = {"action": argparse.BooleanOptionalAction, "default": False}
    add("sources", nargs="+", type=Path, metavar="SOURCE", help="annotated pictures, logs or patch sets, see below")
    add("--output", type=Path, required=True, metavar="ROOT", help="folder for the patch archives")
    add("--replace", **switch, help="overwrite archives that have the same names")
    add("--format", metavar="NAME", help="format of the sources, see below (default: recognised)")
    boxes = "COCO or Label Studio files with the boxes of a log"
    add("--annotations", nargs="+", type=Path, default=(), metavar="FILE", help=boxes)
    add("--pictures", type=Path, metavar="DIR", help="folder of the pictures (default: the source's folder)")
    for kind, usual in (("ball", "ball"), ("robot", "robot, nao"), ("penalty", "penalty_mark")):
        names = f"class names to read as {kind} (default: {usual}, ...)"
        add(f"--{kind}-class", nargs="+", default=(), metavar="NAME", help=names)
    add("--empty-is-negative", **switch, help="COCO: a picture without any box shows no ball")
    camera = "camera of pictures without top, upper, bottom or lower in their path (default: top, with a note)"
    add("--camera", choices=("top", "bottom"), help=camera)
    recording = "regular expression on a picture's path; its first group is the recording"
    add("--recording", type=_pattern, metavar="REGEX", help=recording)
    add("--every", type=int, default=1, metavar="N", help="take every Nth picture of a recording (default: 1)")
    _add_geometry(parser)
    add("--seed", type=int, default=0, help="random seed of sizes and places (default: 0)")
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="number of processes (default: %(default)s)")
    return parser


def _add_geometry(parser: Parser) -> None:
    group = parser.add_argument_group("patches")
    number, share = {"type": int, "metavar": "N"}, {"type": float, "metavar": "F"}
    scale = "side of a patch in diameters of the ball (default: 1.0 1.7)"
    group.add_argument("--scale", nargs=2, type=float, metavar=("MIN", "MAX"), help=scale)
    for name, kind, words in (
        ("jitter", share, "largest distance from the patch's centre to the ball's, in sides"),
        ("border", share, "grow the patch on every side by this fraction of its radius"),
        ("per-ball", number, "patches for each ball"),
        ("negatives", number, "patches without a ball for each picture"),
        ("max-per-picture", number, "maximum number of patches per picture"),
        ("max-per-recording", number, "maximum number of patches per recording"),
    ):
        group.add_argument(f"--{name}", **kind, help=f"{words} (default: %(default)s)")
    parser.set_defaults(**vars(Geometry()), max_per_picture=50, max_per_recording=20_000)


def _pattern(text: str) -> re.Pattern:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"not a regular expression: {error}. Received: {text}") from None
