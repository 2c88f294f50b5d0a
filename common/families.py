"""The archive's dataset families: their names, and which files a training uses.

A family is a set of files with one stem, `D_CAMERA_SxS`: patches of one colour, cut, border, camera and size, one file
per split.
"""

import difflib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from common.archive import DEFAULT_URL, ArchiveError, NotInArchive, Unreachable, address, fetch, origin_of, sibling
from common.cli import UserError
from common.web import PATIENCE, Patience

COLOURS = {"yuv422_y_only_pil": 1, "yuv422_pil": 2}  # name -> channels of X
PATCH_TYPES = ("legacy", "segmentation")
BORDERS = (0, 10, 20)
CAMERAS = ("combined", "top", "bottom")
SIZES = (16, 32)
SPLITS = ("train", "validation", "test")
ORIGINS = ("naoth", "devils", "tk03")
PREFIXES = {"classification": "classification_patches", "detection": "ball_radius_center_patches"}
ENDINGS = {"classification": "ball_no_ball_X_y.h5", "detection": "ball_radius_center_X_y.h5"}
DEFAULT_STEMS = {task: f"{prefix}_yuv422_y_only_pil_legacy_border0_combined_16x16" for task, prefix in PREFIXES.items()}
SYNTHETIC = "synthetic"
ASK_AGAIN_S = 24 * 3600.0  # a file that the archive does not have may be added one day


@dataclass(frozen=True)
class Family:
    """One family of dataset files; `border` and `size` in pixels of the square patches."""

    task: str
    colour: str
    patch_type: str
    border: int
    camera: str
    size: int

    def __post_init__(self):
        for field, allowed in (
            ("task", PREFIXES),
            ("colour", COLOURS),
            ("patch_type", PATCH_TYPES),
            ("border", BORDERS),
            ("camera", ("bottom",) if self.patch_type == "segmentation" else CAMERAS),
            ("size", SIZES),
        ):
            if getattr(self, field) not in allowed:
                raise UserError(
                    f"No dataset family has this {field}. Received: {getattr(self, field)!r} ({self.patch_type} "
                    f"patches). Possible: {', '.join(map(str, allowed))}."
                )

    @property
    def channels(self) -> int:
        """1: Y; 2: Y and the interleaved U/V."""
        return COLOURS[self.colour]

    @property
    def folder(self) -> str:
        """Folder inside the archive."""
        return f"{self.task}/{PREFIXES[self.task]}_{self.colour}_{self.patch_type}_border{self.border}"

    @property
    def stem(self) -> str:
        """The name that `--dataset` takes."""
        return f"{self.folder.partition('/')[2]}_{self.camera}_{self.size}x{self.size}"

    @property
    def parts(self) -> tuple[str, ...]:
        """What there may be files of: the splits.

        Classification also has one of each ORIGINS, all patches of that origin: training on them leaks into the test.
        """
        return (*SPLITS, *ORIGINS) if self.task == "classification" else SPLITS

    def file(self, part: str) -> str:
        """Path inside the archive of one of the `parts`."""
        if part not in self.parts:
            raise UserError(
                f"No {self.task} dataset has this file. Received: {part!r}. Possible: {', '.join(self.parts)}."
            )
        return f"{self.folder}/{self.stem}_{part}_{ENDINGS[self.task]}"

    @property
    def files(self) -> tuple[str, ...]:
        """Paths inside the archive of every file that the family may have."""
        return tuple(self.file(part) for part in self.parts)


def all_families(task: str) -> list[Family]:
    """Every family that the archive's names allow for a task; segmentation patches are of the bottom camera only."""
    return [
        Family(task, colour, patch_type, border, camera, size)
        for colour, patch_type, border, camera, size in product(COLOURS, PATCH_TYPES, BORDERS, CAMERAS, SIZES)
        if patch_type != "segmentation" or camera == "bottom"
    ]


def parse_stem(stem: str, task: str) -> Family:
    """The family that a stem names.

    Raises:
        UserError: There is none; a near miss suggests the name meant.
    """
    families = {family.stem: family for family in all_families(task)}
    if stem in families:
        return families[stem]
    for other in PREFIXES:
        if other != task and stem in {family.stem for family in all_families(other)}:
            raise UserError(f"This is a dataset for {other}, wanted is one for {task}. Received: --dataset {stem}.")
    near = difflib.get_close_matches(stem, [*families, SYNTHETIC], n=1)
    hint = f"Did you mean {near[0]}?" if near else "--list-datasets shows the names."
    raise UserError(f"There is no {task} dataset of this name. Received: --dataset {stem}. {hint}")


@dataclass(frozen=True)
class Selection:
    """The files of one training.

    name: The family's stem, `synthetic`, or the name of the first training file.
    train, validation, test: Paths; no validation means that it is split off the training files, no test is legal.
    origin: For each path where it came from: an address, or the path itself.
    substituted: Whether synthetic patches stand in for the default family.
    warning: What the user has to know, in one line.
    """

    name: str
    train: tuple[Path, ...]
    validation: tuple[Path, ...]
    test: tuple[Path, ...]
    origin: Mapping[Path, str]
    substituted: bool = False
    warning: str | None = None


def resolve(
    task: str,
    *,
    dataset: str | None = None,
    train: Sequence[Path | str] = (),
    validation: Sequence[Path | str] = (),
    test: Sequence[Path | str] = (),
    data_root: Path | str,
    archive_url: str = DEFAULT_URL,
    offline: bool = False,
    patience: Patience = PATIENCE,
    substituted: bool = False,
) -> Selection:
    """Finds the files to train on: files named one by one, else a dataset by name, else the team's default family.

    A family comes from the cache in `data_root`, else from the archive. Only where no dataset was named, nothing of the
    default family's training file is cached and the archive cannot be reached do synthetic patches stand in; and where
    `substituted` says that they did when the run began that is resumed.

    Raises:
        UserError: Contradictory arguments, unknown names, missing files.
        ArchiveError: A named dataset, or the rest of a family that is cached in part, cannot be had.
    """
    if train or validation or test:
        return _named_files(dataset, train, validation, test)
    if dataset == SYNTHETIC:
        return _synthetic(task, data_root)
    family = parse_stem(dataset or DEFAULT_STEMS[task], task)
    if substituted:
        return _synthetic(task, data_root, f"SYNTHETIC DATA instead of {family.stem}, as when this run began.")

    def bring(split: str) -> Path:
        return fetch(
            family.file(split), data_root, archive_url, offline=offline, check=_check(family), patience=patience
        )

    try:
        train = (bring("train"),)
    except Unreachable as error:
        if dataset is not None:
            raise
        warning = (
            f"SYNTHETIC DATA instead of {family.stem}: {error} What this run learns and measures comes from rendered "
            "patches, not from cameras."
        )
        return _synthetic(task, data_root, warning)
    except NotInArchive as error:
        raise NotInArchive(f"{error} --list-datasets shows what there is; --dataset synthetic needs none.") from error
    try:
        validation = _if_there_is_one(family.file("validation"), data_root, archive_url, lambda: bring("validation"))
    except Unreachable as error:  # splitting one off would quietly be another experiment
        raise ArchiveError(
            f"Of {family.stem} only the training file is cached: {error} To train without its validation file, name "
            f"the other: --data-train {train[0]}"
        ) from error
    try:
        test, warning = _if_there_is_one(family.file("test"), data_root, archive_url, lambda: bring("test")), None
    except Unreachable as error:
        test, warning = (), f"No test file of {family.stem} is cached, so nothing is measured on it: {error}"
    return Selection(family.stem, train, validation, test, _origins(train + validation + test), False, warning)


def _if_there_is_one(name: str, root: Path | str, url: str, bring: Callable[[], Path]) -> tuple[Path, ...]:
    """The file, or nothing where the archive has said that it has none: today, or ever if it cannot be asked now."""
    target = Path(root) / name
    note, source = sibling(target, "absent"), address(url, name)
    noted = note.is_file() and note.read_text(encoding="utf-8") == source
    if noted and not target.is_file() and time.time() - note.stat().st_mtime < ASK_AGAIN_S:
        return ()
    try:
        return (bring(),)
    except NotInArchive:
        with suppress(OSError):  # a cache that others own: then it is asked every time
            note.write_text(source, encoding="utf-8")
    except Unreachable:
        if not noted:
            raise
    return ()


def _check(family: Family) -> Callable[[Path], None]:
    """What a downloaded file must pass before it is put in place."""

    def check(path: Path) -> None:
        from common.stored import stored_patches

        pixels = stored_patches([path], family.task).X
        for start in range(0, len(pixels), 8192):  # everything is read, and one block held
            pixels[start : start + 8192]
        shape = pixels.shape[1:]
        if shape != (family.size, family.size, family.channels):
            raise UserError(f"{path}: other patches than its name says. Received: {'x'.join(map(str, shape))}.")

    return check


def _named_files(
    dataset: str | None, train: Sequence[Path | str], validation: Sequence[Path | str], test: Sequence[Path | str]
) -> Selection:
    if not train:
        option, other = ("--data-val", validation) if validation else ("--data-test", test)
        raise UserError(
            f"{option} needs --data-train: a dataset has files of its own. Received: {option} {other[0]}. "
            "evaluate.py scores a trained model on other files."
        )
    if dataset is not None:
        raise UserError(f"--dataset and --data-train exclude each other. Received: {dataset} and {train[0]}. Drop one.")
    splits = {"train": train, "val": validation, "test": test}
    splits = {split: tuple(Path(path) for path in paths) for split, paths in splits.items()}
    used = {}
    for split, paths in splits.items():
        for path in paths:
            if not path.is_file():
                raise UserError(f"There is no such file. Received: --data-{split} {path}. Check the path.")
            if used.setdefault(path.resolve(), split) != split:
                raise UserError(
                    f"The same file for two purposes. Received: {path} as {used[path.resolve()]} and {split}."
                )
    more = f"+{len(train) - 1}" if len(train) > 1 else ""
    return Selection(splits["train"][0].stem + more, *splits.values(), _origins(sum(splits.values(), ())))


def _synthetic(task: str, root: Path | str, warning: str | None = None) -> Selection:
    from common.synthetic import synthetic_files

    files = synthetic_files(task, Path(root))
    splits = [(files[split],) for split in SPLITS]
    origin = {path: "rendered by common.synthetic" for (path,) in splits}
    return Selection(SYNTHETIC, *splits, origin, warning is not None, warning)


def _origins(paths: Sequence[Path]) -> dict[Path, str]:
    return {path: origin_of(path) for path in paths}
