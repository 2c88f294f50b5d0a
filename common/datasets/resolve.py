"""Finds the files of a run: single files, a dataset of the archive, or synthetic patches as a replacement."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from common.archive.download_errors import ArchiveError, NotInArchive, Unreachable
from common.archive.fetch import address, fetch, origin_of, sibling
from common.archive.retry import PATIENCE, Patience
from common.atomic_files import read_inside, write_text
from common.cli.archive_url import DEFAULT_URL
from common.datasets.families import DEFAULT_STEMS, SPLITS, SYNTHETIC, Family, parse_stem
from common.datasets.patch_file import stored_patches
from common.errors import UserError

SyntheticFiles = Callable[[str, Path], Mapping[str, Path]]  # (task, data root) -> a file per split
ASK_AGAIN_S = 24 * 3600.0  # a file that the archive lacks may be added later


@dataclass(frozen=True)
class Selection:
    """The files of one run.

    name: The family's stem, `synthetic`, or the name of the first training file.
    train, validation, test: Paths; without `validation`, it is split off the training patches; `test` may be empty.
    origin: Where each path came from: an address, or the path itself.
    substituted: Whether synthetic patches replace the default family.
    warning: One line that the user has to know.
    """

    name: str
    train: tuple[Path, ...]
    validation: tuple[Path, ...]
    test: tuple[Path, ...]
    origin: Mapping[Path, str]
    substituted: bool = False
    warning: str | None = None


@dataclass(frozen=True)
class Wanted:
    """What a run uses: a dataset given by name, single files, or neither, which means the team's default family."""

    dataset: str | None = None
    train: Sequence[Path | str] = ()
    validation: Sequence[Path | str] = ()
    test: Sequence[Path | str] = ()


@dataclass(frozen=True)
class Source:
    """Gets the files of a family from the cache in `data_root`, or from the archive."""

    data_root: Path | str
    archive_url: str = DEFAULT_URL
    offline: bool = False
    patience: Patience = PATIENCE

    def bring(self, family: Family, split: str) -> Path:
        """The file of one split, checked if it was just downloaded."""
        name, check = family.file(split), _check(family)
        return fetch(name, self.data_root, self.archive_url, offline=self.offline, check=check, patience=self.patience)

    def bring_if_there(self, family: Family, split: str) -> tuple[Path, ...]:
        """The file, or nothing if the archive does not have it; the archive is asked again after a day."""
        name = family.file(split)
        target = Path(self.data_root) / name
        note, source = sibling(target, "absent"), address(self.archive_url, name)
        noted, age = False, 0.0
        with suppress(OSError, ValueError):  # the name may belong to anything
            noted = read_inside(note.parent, note.name, 1 << 16) == source.encode()
            age = time.time() - note.stat().st_mtime
        if noted and not target.is_file() and age < ASK_AGAIN_S:
            return ()
        try:
            return (self.bring(family, split),)
        except NotInArchive:
            with suppress(UserError):  # if the cache is not writable, the archive is asked every time
                write_text(note, source)
        except Unreachable:
            if not noted:
                raise
        return ()


def resolve(
    task: str, wanted: Wanted, source: Source, synthetic: SyntheticFiles, substituted: bool = False
) -> Selection:
    """Finds the files to train on.

    Synthetic patches, made by `synthetic`, replace the default family in two cases: no dataset was named, its training
    file is not cached, and the archive cannot be reached; or they replaced it when the resumed run began
    (`substituted`).

    Raises:
        UserError: contradictory arguments, unknown names, or missing files.
        ArchiveError: a named dataset, or the rest of a partly cached family, is not available.
    """
    if wanted.train or wanted.validation or wanted.test:
        return _named_files(wanted)
    if wanted.dataset == SYNTHETIC:
        return _synthetic(task, source, synthetic)
    family = parse_stem(wanted.dataset or DEFAULT_STEMS[task], task)
    instead = f"SYNTHETIC DATA instead of {family.stem}"
    if substituted:
        return _synthetic(task, source, synthetic, f"{instead}, as when this run began.")
    try:
        train = (source.bring(family, "train"),)
    except Unreachable as error:
        if wanted.dataset is not None:
            raise
        warning = f"{instead}: {error} This run is trained and measured on rendered patches, not on camera patches."
        return _synthetic(task, source, synthetic, warning)
    except NotInArchive as error:
        raise NotInArchive(f"{error} --list-datasets shows what there is; --dataset synthetic needs none.") from error
    try:
        validation = source.bring_if_there(family, "validation")
    except Unreachable as error:  # splitting one off would silently change the experiment
        raise ArchiveError(
            f"Only the training file of {family.stem} is cached: {error} To train without its validation file, pass "
            f"--data-train {train[0]}"
        ) from error
    try:
        test, warning = source.bring_if_there(family, "test"), None
    except Unreachable as error:
        test, warning = (), f"No test file of {family.stem} is cached, so nothing is measured on it: {error}"
    return Selection(family.stem, train, validation, test, _origins(train + validation + test), False, warning)


def _check(family: Family) -> Callable[[Path], None]:
    """The check of a downloaded file, before it is put in place."""

    def check(path: Path) -> None:
        pixels = stored_patches([path], family.task).X
        for start in range(0, len(pixels), 8192):  # reads everything, one block at a time
            pixels[start : start + 8192]
        shape = pixels.shape[1:]
        if shape != (family.size, family.size, family.channels):
            raise UserError(f"{path}: the patches do not match the file's name. Received: {'x'.join(map(str, shape))}.")

    return check


def _named_files(wanted: Wanted) -> Selection:
    if not wanted.train:
        option, other = ("--data-val", wanted.validation) if wanted.validation else ("--data-test", wanted.test)
        raise UserError(
            f"{option} needs --data-train, because a dataset has its own files. Received: {option} {other[0]}. "
            "evaluate.py scores a trained model on other files."
        )
    if wanted.dataset is not None:
        raise UserError(
            f"--dataset and --data-train exclude each other. Remove one. "
            f"Received: {wanted.dataset} and {wanted.train[0]}."
        )
    splits = {"train": wanted.train, "val": wanted.validation, "test": wanted.test}
    splits = {split: tuple(Path(path) for path in paths) for split, paths in splits.items()}
    used = {}
    for split, paths in splits.items():
        for path in paths:
            if not _is_file(path):
                raise UserError(f"There is no such file. Received: --data-{split} {path}. Check the path.")
            if used.setdefault(path.resolve(), split) != split:
                raise UserError(
                    f"The same file is used for two splits. Received: {path} as {used[path.resolve()]} and {split}."
                )
    return Selection(joined_name(splits["train"]), *splits.values(), _origins(sum(splits.values(), ())))


def joined_name(paths: Sequence[Path]) -> str:
    """The name of a split's files: the first name plus the number of the others; empty without files."""
    more = f"+{len(paths) - 1}" if len(paths) > 1 else ""
    return paths[0].stem + more if paths else ""


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, or a folder without access
        return False


def _synthetic(task: str, source: Source, synthetic: SyntheticFiles, warning: str | None = None) -> Selection:
    files = synthetic(task, Path(source.data_root))
    splits = [(files[split],) for split in SPLITS]
    origin = {path: "rendered by dataset_tools.synthetic" for (path,) in splits}
    return Selection(SYNTHETIC, *splits, origin, warning is not None, warning)


def _origins(paths: Sequence[Path]) -> dict[Path, str]:
    return {path: origin_of(path) for path in paths}
