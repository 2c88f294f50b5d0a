"""Defines the command line of both create_datasets.py files."""

import argparse
import math
import os
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from common.cli.archive_url import DEFAULT_URL, checked_url
from common.cli.program import Parser, output_folder
from common.datasets.families import (
    BORDERS,
    CAMERAS,
    COLOURS,
    DEFAULT_STEMS,
    PATCH_TYPES,
    SIZES,
    Family,
    parse_stem,
    possible_cameras,
)
from common.datasets.sampling_rules import RULES
from common.errors import UserError

ORIGINS = {"classification": ("naoth", "devils", "tk03"), "detection": ("naoth", "tk03")}
PARTIAL = ("ignore", "negative")

EPILOG = """\
Where the patches come from:
  --naoth ROOT     top/LOG.zip and bottom/LOG.zip (or folders LOG with PNGs) of one patch type and border; or a folder
                   with one such root for each: ROOT/legacy_border0, ROOT/segmentation_border10, ...
  --devils, --tk03 one file each; without a path, the file is downloaded once from the archive to --data-root

Files written to --output-dir, named as in the dataset archive:
  {task}/.../..._train_...h5, ..._validation_...h5, ..._test_...h5, SHA256SUMS, and
  {task}/reports/TYPE_borderB_leaks.png with the pairs of similar patches on different sides of the split

Examples:
  python3 create_datasets.py --naoth ~/naoth_patches            the team's default family
  python3 create_datasets.py --naoth ~/naoth_patches --camera combined top bottom --size 16 32
  python3 create_datasets.py --check-published https://datasets.naoth.de

Exit status: 0 if all combinations were built (or are the same as published), 1 if a combination failed, 2 for bad
input, 130 or 143 if interrupted.
"""


@dataclass(frozen=True)
class Settings:
    """What to build, from which sources, and how; the field names are those of the options."""

    task: str
    naoth: Path | None
    devils: Path | None
    tk03: Path | None
    origins: tuple[str, ...]
    color: tuple[str, ...]
    type: tuple[str, ...]
    border: tuple[int, ...]
    camera: tuple[str, ...]
    size: tuple[int, ...]
    sampling: str
    partial: str
    split: tuple[float, float, float]
    seed: int
    test_recordings: tuple[str, ...]
    keep_linked: bool
    max_leaks: float
    strict: bool
    drop: Path | None
    relabel: Path | None
    output_dir: Path
    data_root: Path
    archive_url: str
    offline: bool
    jobs: int
    check_published: str | None

    def __post_init__(self):
        if self.check_published is None and self.naoth is None and "naoth" in self.origins:
            raise UserError(
                "--naoth ROOT is missing: the folder with top/ and bottom/. Pass it, or leave naoth out of --origins."
            )
        if self.naoth is not None and not self.naoth.is_dir():
            raise UserError(f"--naoth must be a folder. Received: {self.naoth}.")
        for option, path in (
            ("--devils", self.devils),
            ("--tk03", self.tk03),
            ("--drop", self.drop),
            ("--relabel", self.relabel),
        ):
            if path is not None and not path.is_file():
                raise UserError(f"{option} must be a file. Received: {path}.")
        if not (min(self.split) >= 0 and self.split[0] > 0 and sum(self.split) < math.inf):  # also NaN
            received = " ".join(f"{share:g}" for share in self.split)
            raise UserError(f"--split needs three numbers >= 0, the first > 0. Received: {received}. Try 70 15 15.")
        if self.seed < 0:
            raise UserError(f"--seed must be at least 0. Received: {self.seed}.")
        if not 0 <= self.max_leaks <= 1:
            raise UserError(f"--max-leaks must be a fraction in 0..1. Received: {self.max_leaks}.")
        if self.jobs < 1:
            raise UserError(f"--jobs must be at least 1. Received: {self.jobs}.")
        unknown = sorted(set(self.origins) - set(ORIGINS[self.task]))
        if unknown:
            raise UserError(
                f"--origins for {self.task} must be in {', '.join(ORIGINS[self.task])}. Received: {', '.join(unknown)}."
            )

    @property
    def shares(self) -> tuple[float, float, float]:
        """`split` scaled to a sum of 1."""
        total = sum(self.split)
        return tuple(share / total for share in self.split)

    def families(self, patch_type: str, border: int) -> tuple[list[Family], list[tuple[str, str]]]:
        """Returns the requested families of one root, and the families that cannot exist, each with the reason."""
        possible, impossible = [], []
        for colour, camera, size in product(self.color, self.camera, self.size):
            if camera in possible_cameras(patch_type):
                possible.append(Family(self.task, colour, patch_type, border, camera, size))
            else:
                name = f"{colour}_{patch_type}_border{border}_{camera}_{size}x{size}"
                impossible.append((name, f"cannot exist: {patch_type} patches come only from the bottom camera"))
        return possible, impossible


def parse_args(task: str, argv: list[str] | None = None) -> Settings:
    """Reads the command line.

    Raises:
        UserError: arguments are invalid or contradict each other.
    """
    values = vars(_parser(task).parse_args(argv))
    values = {key: tuple(dict.fromkeys(value)) if key in _LISTS else value for key, value in values.items()}
    values["split"] = tuple(values["split"])
    return Settings(task=task, **values)


_LISTS = ("origins", "color", "type", "border", "camera", "size", "test_recordings")


def _parser(task: str) -> Parser:
    default = parse_stem(DEFAULT_STEMS[task], task)
    what = {"classification": "ball / no ball", "detection": "ball radius and centre"}[task]
    parser = Parser(
        prog=Path(sys.argv[0]).name,
        description=f"Builds {what} patch datasets (HDF5) from camera patches.",
        epilog=EPILOG.format(task=task),
    )
    add = parser.add_argument_group("sources").add_argument
    add("--naoth", type=Path, metavar="ROOT", help="NaoTH patches, see below")
    if "devils" in ORIGINS[task]:
        add("--devils", type=Path, metavar="ZIP", help="Nao Devils patches (default: download them)")
    else:
        parser.set_defaults(devils=None)
    add(
        "--tk03",
        type=Path,
        metavar="PICKLE",
        help="TK03 patches, only for Y-only combined 16x16 families (default: download them)",
    )
    add("--origins", nargs="+", default=ORIGINS[task], metavar="NAME", help="sources to use (default: %(default)s)")
    add("--data-root", type=Path, default=Path("data"), metavar="DIR", help="folder for archive files (default: data)")
    add(
        "--archive-url",
        type=checked_url,
        default=DEFAULT_URL,
        metavar="URL",
        help="address of the archive (default: %(default)s)",
    )
    add("--offline", action=argparse.BooleanOptionalAction, default=False, help="never contact the archive")
    add(
        "--strict",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="end with an error if a patch is skipped",
    )
    lines = "one patch per line, by `source` or, for files without sources, by sha256 of pixels and label"
    add(
        "--drop",
        type=Path,
        metavar="FILE",
        help=f"leave out the patches in this list: {lines}; or a CSV file with a column `source` or `sha256`",
    )
    relabel = "change labels: a CSV file with a column `source` or `sha256`, and a column `label` (ball or no ball)"
    add("--relabel", type=Path, metavar="FILE", help=relabel)
    _add_families(parser, default)
    _add_split(parser)
    add = parser.add_argument_group("output").add_argument
    add("--output-dir", type=output_folder, default="data", metavar="DIR", help="folder for the result (default: data)")
    add(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="number of processes (default: one per core)"
    )
    add(
        "--check-published",
        type=checked_url,
        metavar="URL",
        help="build nothing; compare --output-dir with the published families",
    )
    return parser


def _add_families(parser: Parser, default: Family) -> None:
    add = parser.add_argument_group("families (options take several values; all combinations are built)").add_argument
    add("--color", nargs="+", choices=COLOURS, default=[default.colour], help="channels (default: %(default)s)")
    add(
        "--type", nargs="+", choices=PATCH_TYPES, default=[default.patch_type], help="patch type (default: %(default)s)"
    )
    add(
        "--border",
        nargs="+",
        type=int,
        choices=BORDERS,
        default=[default.border],
        help="border in pixels (default: %(default)s)",
    )
    add("--camera", nargs="+", choices=CAMERAS, default=[default.camera], help="cameras (default: %(default)s)")
    add(
        "--size",
        nargs="+",
        type=int,
        choices=SIZES,
        default=[default.size],
        help="side in pixels (default: %(default)s)",
    )
    sampling = "how a patch is subsampled, as in the robot's code (docs/robots.md; default: %(default)s)"
    add("--sampling", choices=RULES, default="centres", help=sampling)
    partial = "patches with 0 < ball_intersect <= 0.5: leave them out, or count them as no ball (default: %(default)s)"
    add("--partial", choices=PARTIAL, default=PARTIAL[0], help=partial)


def _add_split(parser: Parser) -> None:
    add = parser.add_argument_group("split by recording").add_argument
    shares = "relative sizes of training, validation and test (default: 70 15 15)"
    add("--split", nargs=3, type=float, default=(70, 15, 15), metavar=("TRAIN", "VAL", "TEST"), help=shares)
    add("--seed", type=int, default=0, help="seed for the choice of recordings (default: %(default)s)")
    pattern = "only these recordings form the test split; * and ? are wildcards, as in 'go24_*'"
    add("--test-recordings", nargs="+", default=(), metavar="PATTERN", help=pattern)
    linked = "keep recordings that share near duplicates on the same side of the split (default: %(default)s)"
    add("--keep-linked", action=argparse.BooleanOptionalAction, default=True, help=linked)
    leaks = "maximum fraction of a split that may have duplicates in another split (default: %(default)s)"
    add("--max-leaks", type=float, default=0.01, metavar="FRACTION", help=leaks)
