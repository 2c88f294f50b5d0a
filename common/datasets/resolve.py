"""Which files a training uses: files named one by one, a dataset of the archive, or synthetic patches in its place."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from common.archive.faults import PATIENCE, Patience
from common.archive.fetch import (
    DEFAULT_URL,
    ArchiveError,
    NotInArchive,
    Unreachable,
    address,
    fetch,
    origin_of,
    sibling,
)
from common.atomic_files import read_inside, replacing
from common.datasets.families import DEFAULT_STEMS, SPLITS, SYNTHETIC, Family, parse_stem
from common.datasets.streaming import stored_patches
from common.errors import UserError

SyntheticFiles = Callable[[str, Path], Mapping[str, Path]]  # (task, data root) -> a file per split
ASK_AGAIN_S = 24 * 3600.0  # a file that the archive does not have may be added one day


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
    synthetic: SyntheticFiles,
) -> Selection:
    """Finds the files to train on: files named one by one, else a dataset by name, else the team's default family.

    A family comes from the cache in `data_root`, else from the archive. Only where no dataset was named, nothing of the
    default family's training file is cached and the archive cannot be reached do synthetic patches stand in; and where
    `substituted` says that they did when the run began that is resumed. `synthetic` brings them.

    Raises:
        UserError: Contradictory arguments, unknown names, missing files.
        ArchiveError: A named dataset, or the rest of a family that is cached in part, cannot be had.
    """
    if train or validation or test:
        return _named_files(dataset, train, validation, test)
    if dataset == SYNTHETIC:
        return _synthetic(task, data_root, synthetic)
    family = parse_stem(dataset or DEFAULT_STEMS[task], task)
    if substituted:
        return _synthetic(
            task, data_root, synthetic, f"SYNTHETIC DATA instead of {family.stem}, as when this run began."
        )

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
        return _synthetic(task, data_root, synthetic, warning)
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
    noted, age = False, 0.0
    with suppress(OSError, ValueError):  # anything may have this name
        noted, age = read_inside(note.parent, note.name, 1 << 16) == source.encode(), time.time() - note.stat().st_mtime
    if noted and not target.is_file() and age < ASK_AGAIN_S:
        return ()
    try:
        return (bring(),)
    except NotInArchive:
        with suppress(UserError), replacing(note) as partial:  # a cache that others own: then it is asked every time
            partial.write_text(source, encoding="utf-8")
    except Unreachable:
        if not noted:
            raise
    return ()


def _check(family: Family) -> Callable[[Path], None]:
    """What a downloaded file must pass before it is put in place."""

    def check(path: Path) -> None:
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


def _synthetic(task: str, root: Path | str, synthetic: SyntheticFiles, warning: str | None = None) -> Selection:
    files = synthetic(task, Path(root))
    splits = [(files[split],) for split in SPLITS]
    origin = {path: "rendered by dataset_tools.synthetic" for (path,) in splits}
    return Selection(SYNTHETIC, *splits, origin, warning is not None, warning)


def _origins(paths: Sequence[Path]) -> dict[Path, str]:
    return {path: origin_of(path) for path in paths}
