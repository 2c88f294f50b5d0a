"""Writes the files of a family in parallel, then puts them in place together."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from filelock import FileLock

from common.archive import checksums
from common.archive.checksums import SUMS, sha256_of
from common.atomic_files import replacing
from common.cli.stop_request import uninterrupted
from common.datasets.families import Family
from common.datasets.patch_file import COLUMNS
from common.errors import UserError
from dataset_tools.building.choose_patches import FileContent, files_of, target
from dataset_tools.building.options import Settings
from dataset_tools.building.patch_store import Rows, Store
from dataset_tools.building.patch_writer import write_patches
from dataset_tools.sources import labels, tk03
from dataset_tools.sources.patch_sources import NAOTH, ORIGINS, TK03

MEAN_BLOCK = 4096


@dataclass(frozen=True)
class Job:
    """Everything that a process needs to write one file."""

    folder: Path  # for unfinished files
    content: FileContent
    X: Rows
    y: np.ndarray
    columns: dict[str, np.ndarray]
    attributes: dict[str, object]


@dataclass(frozen=True)
class Written:
    """A file that has been written completely, but not yet moved to the output folder."""

    name: str
    part: str
    patches: int
    balls: int
    sha256: str


def job(family: Family, content: FileContent, store: Store, settings: Settings, folder: Path) -> Job:
    """Collects the content of one file of a family."""
    indices = content.indices
    y = target(store, family.task, indices)
    columns = {key: store.names(key, indices) for key in COLUMNS}
    attributes = _of_family(family) | {"part": content.part} | _of_sources(family, store, settings)
    if y.ndim == 2:
        attributes |= {
            "classes": {"ball": len(y)},
            "y": "radius, center_x, center_y in fractions of the patch, origin top left",
        }
    else:
        no_ball = indices[(y == 0) & (store.columns["origin"][indices] == ORIGINS.index(NAOTH))]
        attributes |= {
            "classes": {"ball": int(y.sum()), "no ball": int(len(y) - y.sum())},
            "no_ball_shows": labels.others(store.columns["penalty"][no_ball], store.columns["robot"][no_ball]),
        }
    return Job(folder, content, store.rows(family.size, indices, family.channels), y, columns, attributes)


def _of_family(family: Family) -> dict[str, object]:
    """Returns the attributes that are the same for all files of a family."""
    return {
        "task": family.task,
        "color": family.colour,
        "channels": "Y" if family.channels == 1 else "Y; U and V interleaved, even columns U, odd columns V",
        "type": family.patch_type,
        "border": family.border,
        "camera": family.camera,
        "size": family.size,
    }


def _of_sources(family: Family, store: Store, settings: Settings) -> dict[str, object]:
    """Returns the attributes that record the sources, the tool and the settings."""
    used = [origin for origin in ORIGINS if origin in settings.origins and (origin != TK03 or tk03.fits(family))]
    skipped = {f"{origin}: {reason}": count for (origin, reason), count in store.skips.counts.items() if origin in used}
    return {
        "sources": {origin: digest for origin, digest in store.digests().items() if origin in used},
        "skipped": skipped,
        "tool": f"ball-models {version('ball-models')} dataset_tools",
        "sampling": settings.sampling,
        "settings": {
            "partial": settings.partial,
            "split": [round(share, 6) for share in settings.shares],
            "seed": settings.seed,
            "test_recordings": list(settings.test_recordings),
            "keep_linked": settings.keep_linked,
            "origins": used,
            **store.corrections,
        },
    }


def write(job: Job) -> Written:
    """Writes one file; can run in a worker process.

    Raises:
        UserError: the disk is full.
    """
    path = job.folder / job.content.name
    try:
        write_patches(path, job.X, job.y, **job.columns, attributes=job.attributes | means(job.X))
    except UserError as error:  # without the hidden folder's path, which the user does not know
        raise UserError(str(error).replace(str(path), path.name)) from None
    balls = int(job.y.sum()) if job.y.ndim == 1 else len(job.y)
    return Written(job.content.name, job.content.part, len(job.y), balls, sha256_of(path))


def attempt(job: Job) -> Written | UserError | OSError:
    """Like `write`, but returns the error, because a failure must not stop the files of other families."""
    try:
        return write(job)
    except (UserError, OSError) as error:
        return error


def means(X: Rows) -> dict[str, float]:
    """Returns the means of the channels in 0..1: `mean` of Y; with two channels also `mean_u` and `mean_v`."""
    sums = np.zeros((2, 2), np.int64)  # [channel, even and odd columns]
    for start in range(0, len(X), MEAN_BLOCK):
        block = X[start : start + MEAN_BLOCK]
        columns = block.sum(axis=(0, 1), dtype=np.int64)  # [width, channels]
        for channel in range(block.shape[3]):
            sums[channel] += columns[0::2, channel].sum(), columns[1::2, channel].sum()
    scale = 255.0 * len(X) * X.shape[1] * X.shape[2]
    result = {"mean": float(sums[0].sum() / scale)}
    if X.shape[3] == 2:
        result |= {"mean_u": float(2 * sums[1, 0] / scale), "mean_v": float(2 * sums[1, 1] / scale)}
    return result


def put_in_place(family: Family, written: Iterable[Written], unfinished: Path, output: Path) -> None:
    """Moves the finished files of a family to the output folder, and updates SHA256SUMS there.

    Files of the family that this build did not make are removed, because an old test file could contain recordings that
    are now in training. Only `kill -9` can interrupt this between two files; then SHA256SUMS does not match.

    Raises:
        UserError: the folder is not writable, or one of the files would replace a folder. No file has been changed.
    """
    sums_of_new = {file.name: file.sha256 for file in written}
    folder = output / family.folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in files_of(family):
        if (output / name).is_dir():
            raise UserError(f"{output / name} cannot be written, because it is a folder. Move or rename the folder.")
    with FileLock(folder / f".{SUMS}.lock"), uninterrupted(), replacing(folder / SUMS) as partial:
        mine = {Path(name).name for name in files_of(family)}
        sums = {file: digest for file, digest in read_sums(folder / SUMS).items() if file not in mine}
        sums |= {Path(name).name: digest for name, digest in sums_of_new.items()}
        # The checksums are written before any file is moved: writing needs disk space, but renaming does not.
        partial.write_text("".join(f"{sums[file]}  {file}\n" for file in sorted(sums)), encoding="utf-8")
        for name in files_of(family):
            if name in sums_of_new:
                (unfinished / name).replace(output / name)
            else:
                (output / name).unlink(missing_ok=True)


def read_sums(path: Path) -> dict[str, str]:
    """Returns the checksums in a SHA256SUMS file, by file name; empty if the file does not exist."""
    if not path.is_file():
        return {}
    return {Path(name).name: digest for name, digest in checksums.parse(path.read_bytes())}
