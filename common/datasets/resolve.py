"""Finds the patch files of a run: single files, a dataset of the archive, or synthetic patches as a replacement."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from common.archive.download_errors import ArchiveError, NotInArchive, Unreachable
from common.archive.fetch import address, fetch, origin_of, sibling
from common.archive.retry import PATIENCE, Patience
from common.atomic_files import read_inside, write_text
from common.cli.program import check_files
from common.cli.training_options import TrainingOptions
from common.datasets.families import DEFAULT_STEMS, SYNTHETIC, Family, parse_stem
from common.datasets.patch_file import BLOCK, stored_patches
from common.errors import UserError

SyntheticFiles = Callable[[str, Path], Mapping[str, Path]]  # (task, data root) -> a file per split
ASK_AGAIN_S = 24 * 3600.0  # a file that is missing from the archive may be added later


@dataclass(frozen=True)
class Selection:
    """The files of one run. Without a validation file, a part of the training patches is split off."""

    name: str  # the family's stem, `synthetic`, or the name of the first training file
    files: Mapping[str, tuple[Path, ...]]  # the files of each split
    origin: Mapping[Path, str]  # where each path came from: an address, or the path itself
    substituted: bool = False  # whether synthetic patches replace the default family
    warning: str | None = None  # one line for the user


def resolve(
    task: str,
    options: TrainingOptions,
    synthetic: SyntheticFiles,
    substituted: bool = False,
    patience: Patience = PATIENCE,
) -> Selection:
    """Finds the files to train on: single files, a dataset given by name, or the team's default family.

    Synthetic patches, made by `synthetic`, replace the default family in two cases: (1) The user chose no dataset, the
    default training file is not cached, and the archive cannot be reached. (2) The resumed run began with synthetic
    patches (`substituted`).

    Raises:
        UserError: a file is missing, or a name is unknown.
        ArchiveError: a named dataset, or the rest of a partly cached family, is not available.
    """
    check_names(task, options)
    if options.data_train:
        named = {"train": options.data_train, "validation": options.data_val, "test": options.data_test}
        return _selected(joined_name(options.data_train), named)
    if options.dataset == SYNTHETIC:
        return _synthetic(task, options, synthetic)
    family = parse_stem(options.dataset or DEFAULT_STEMS[task], task)
    instead = f"SYNTHETIC DATA instead of {family.stem}"
    if substituted:
        return _synthetic(task, options, synthetic, f"{instead}, as when this run began.")
    source = family, options, patience
    try:
        train = (_bring(*source, "train"),)
    except Unreachable as error:
        if options.dataset is not None:
            raise
        warning = f"{instead}: {error} This run is trained and evaluated on rendered patches, not on camera patches."
        return _synthetic(task, options, synthetic, warning)
    except NotInArchive as error:
        raise NotInArchive(f"{error} --list-datasets shows what is available; or use --dataset synthetic.") from error
    try:
        validation = _bring_if_there(*source, "validation")
    except Unreachable as error:  # splitting off validation patches would silently change the experiment
        raise ArchiveError(
            f"Only the training file of {family.stem} is cached: {error} To train without its validation file, pass "
            f"--data-train {train[0]}"
        ) from error
    try:
        test, warning = _bring_if_there(*source, "test"), None
    except Unreachable as error:
        test, warning = (), f"No test file of {family.stem} is cached, so there are no test results: {error}"
    return _selected(family.stem, {"train": train, "validation": validation, "test": test}, warning)


def _selected(name: str, files: Mapping[str, tuple[Path, ...]], warning: str | None = None) -> Selection:
    return Selection(name, files, {path: origin_of(path) for path in chain(*files.values())}, warning=warning)


def _bring(family: Family, options: TrainingOptions, patience: Patience, split: str) -> Path:
    """Returns the file of one split, from the cache or the archive."""
    name, check = family.file(split), partial(check_download, family)
    return fetch(name, options.data_root, options.archive_url, offline=options.offline, check=check, patience=patience)


def _bring_if_there(family: Family, options: TrainingOptions, patience: Patience, split: str) -> tuple[Path, ...]:
    """Returns the file, or () if the archive does not have it; the archive is asked again after a day."""
    name = family.file(split)
    target = options.data_root / name
    note, source = sibling(target, "absent"), address(options.archive_url, name)
    noted, age = False, 0.0
    with suppress(OSError, ValueError):  # a folder or a damaged file may have this name
        noted = read_inside(note.parent, note.name, 1 << 16) == source.encode()
        age = time.time() - note.stat().st_mtime
    if noted and not target.is_file() and age < ASK_AGAIN_S:
        return ()
    try:
        return (_bring(family, options, patience, split),)
    except NotInArchive:
        with suppress(UserError):  # if the cache is not writable, the archive is asked every time
            write_text(note, source)
    except Unreachable:
        if not noted:
            raise
    return ()


def check_download(family: Family, path: Path) -> None:
    """Reads a downloaded file; raises a UserError if it is damaged or not of this family."""
    pixels = stored_patches([path], family.task).X
    for start in range(0, len(pixels), BLOCK):
        pixels[start : start + BLOCK]
    shape = pixels.shape[1:]
    if shape != (family.size, family.size, family.channels):
        raise UserError(f"{path}: the patches do not match the file's name. Received: {'x'.join(map(str, shape))}.")


def check_names(task: str, options: TrainingOptions) -> None:
    """Refuses missing files, files that are given twice, and unknown names, without contacting the archive."""
    splits = {"--data-train": options.data_train, "--data-val": options.data_val, "--data-test": options.data_test}
    for name, paths in splits.items():
        check_files(paths, name)
    check_files(chain(*splits.values()))
    if not options.data_train and options.dataset != SYNTHETIC:
        parse_stem(options.dataset or DEFAULT_STEMS[task], task)


def joined_name(paths: Sequence[Path]) -> str:
    """Returns a name for a split's files: the first file's name, and how many more there are; "" if there are none."""
    more = f"+{len(paths) - 1}" if len(paths) > 1 else ""
    return paths[0].stem + more if paths else ""


def _synthetic(task: str, options: TrainingOptions, synthetic: SyntheticFiles, warning: str | None = None) -> Selection:
    files = {split: (path,) for split, path in synthetic(task, options.data_root).items()}
    origin = dict.fromkeys(chain(*files.values()), "rendered by dataset_tools.synthetic")
    return Selection(SYNTHETIC, files, origin, warning is not None, warning)
