"""Reads the three sources of patches as streams: NaoTH logs (PNGs), the Nao Devils zip and the TK03 pickle.

The work is split into chunks that any process can read independently. A reader yields each patch with its labels; for
a skipped patch, it yields the name and the reason. Nothing is ever unpacked to disk.
"""

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from common.errors import UserError
from dataset_tools.sources import labels, tk03
from dataset_tools.sources.labels import Facts, Refused
from dataset_tools.sources.read_png import decode_png
from dataset_tools.sources.zip_members import FAULTS, Member, members, read_file, read_member

ORIGINS = NAOTH, DEVILS, TK03 = ("naoth", "devils", "tk03")
CAMERAS = ("top", "bottom")
CHUNK_PATCHES = 1024  # patches per chunk; fixed, so that results do not depend on the number of processes
RECORDING_MAX = 150  # maximum number of characters in a recording's name
CLASS_FOLDERS = {"ball", "balls", "noball", "noballs", "positive", "positives", "negative", "negatives"}


class Patch(NamedTuple):
    """One patch.

    ready: whether the patch was subsampled before it was saved; if such a patch has the network's size, it is used
    unchanged.
    side: side of the patch in pixels of the camera picture, NaN if unknown.
    source: origin or camera, archive and member; it is unique and does not depend on the folder of the sources.
    """

    rgbx: np.ndarray  # uint32 [height, width], see dataset_tools.building.sample_pixels
    facts: Facts
    camera: str
    recording: str
    origin: str
    ready: bool = False
    side: float = math.nan
    source: str = ""


class Skipped(NamedTuple):
    """The name of something that was skipped, and the reason."""

    name: str
    reason: str


@dataclass(frozen=True)
class Chunk:
    """Part of a source: members of a zip or folder, or a whole pickle. `border` of NaoTH patches is in pixels."""

    origin: str
    path: Path
    members: tuple[Member, ...] = ()
    camera: str = ""
    recording: str = ""
    border: int = 0


def naoth_chunks(root: Path, border: int) -> Iterator[Chunk | Skipped]:
    """Yields the logs in `root`/top and `root`/bottom, zips or folders, ordered by camera and name.

    Raises:
        UserError: there are no logs, or a log exists both as a zip and as a folder.
    """
    found = False
    for camera in CAMERAS:
        seen: set[str] = set()
        for path in sorted((root / camera).glob("*")):
            if path.name.startswith(".") or not (path.is_dir() or path.suffix.lower() == ".zip"):
                continue
            if re.sub(r"[^a-z]", "", path.stem.lower()) in CLASS_FOLDERS:
                found = True
                yield Skipped(str(path), "patches of one class, not a log: its recordings are unknown")
                continue
            recording = (path.name if path.is_dir() else path.stem).encode("utf-8", "replace").decode()
            if recording in seen:
                raise UserError(f"{path}: this log exists both as a zip and as a folder. Keep one of them.")
            seen.add(recording)
            found = True
            yield from _cut(Chunk(NAOTH, path, (), camera, recording, border))
    if not found:
        raise UserError(
            f"{root}: no logs found. Expected top/LOG.zip or bottom/LOG.zip (or folders of that name) in it."
        )


def size_of(root: Path) -> int:
    """Returns the total size in bytes of the logs in `root`, which is about the amount that will be read."""
    return sum(
        _size(Path(folder) / name)
        for camera in CAMERAS
        for folder, _, names in os.walk(root / camera)
        for name in names
    )


def _size(path: Path) -> int:
    """Returns a file's size in bytes, or 0 if the reader skips the file because it is not regular or not accessible."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def devils_chunks(path: Path) -> Iterator[Chunk]:
    """Yields the Nao Devils zip in chunks.

    Raises:
        UserError: the file is not a zip file.
    """
    yield from _cut(Chunk(DEVILS, path), whole=True)


def _cut(chunk: Chunk, whole: bool = False) -> Iterator[Chunk | Skipped]:
    """Divides a source into chunks.

    If `whole` is true, a source that cannot be read is an error; otherwise, the source is skipped.
    """
    try:
        found = _files(chunk.path) if chunk.path.is_dir() else members(chunk.path)
    except (UserError, OSError):
        if whole:
            raise
        yield Skipped(str(chunk.path), "cannot be read" if chunk.path.is_dir() else "not a readable zip file")
        return
    if not found:
        yield Skipped(str(chunk.path), "no PNG files in it")
    for start in range(0, len(found), CHUNK_PATCHES):
        part = tuple(found[start : start + CHUNK_PATCHES])
        yield Chunk(chunk.origin, chunk.path, part, chunk.camera, chunk.recording, chunk.border)


def _files(folder: Path) -> list[Member]:
    def give_up(error: OSError) -> None:  # otherwise, a folder that cannot be read would look empty
        raise error

    found = os.walk(folder, onerror=give_up)
    paths = (Path(at) / name for at, _, names in found for name in names if name.lower().endswith(".png"))
    return sorted(_file_member(path, folder) for path in paths)


def _file_member(path: Path, folder: Path) -> Member:
    size = _size(path)
    return Member(str(path.relative_to(folder)), -1, size, size, 0, 0, 0)


def read(chunk: Chunk, digest) -> Iterator[Patch | Skipped]:
    """Reads the patches of a chunk.

    Args:
        chunk: the chunk to read.
        digest: hashlib object that is updated with every name and content read.

    Raises:
        UserError: the pickle is damaged or hostile, or the file has disappeared.
    """
    if chunk.origin == TK03:
        for index, found in enumerate(tk03.read(chunk.path, digest)):
            if isinstance(found, str):
                yield Skipped(f"{chunk.path.name}: patch {index}", found)
            else:
                yield Patch(*found, "", "", TK03, ready=True, source=f"{TK03}/{index}")
        return
    with _reader(chunk) as bytes_of:
        for member in chunk.members:
            digest.update(member.name.encode("utf-8", "replace"))
            try:
                data = bytes_of(member)
                digest.update(data)
                rgbx, text = decode_png(data)
                if chunk.origin == NAOTH:
                    yield _naoth(rgbx, text, chunk, member.name)
                else:
                    yield _devils(rgbx, member.name)._replace(source=f"{DEVILS}/{member.name}")
            except Refused as refused:
                yield Skipped(f"{chunk.path.name}: {member.name}", str(refused))
            except FAULTS:
                yield Skipped(f"{chunk.path.name}: {member.name}", "damaged")


@contextmanager
def _reader(chunk: Chunk):
    """Yields a function that returns the bytes of a member."""
    if chunk.path.is_dir():
        yield lambda member: read_file(chunk.path / member.name)
        return
    descriptor = os.open(chunk.path, os.O_RDONLY)
    try:
        yield lambda member: read_member(descriptor, member)
    finally:
        os.close(descriptor)


def _naoth(rgbx: np.ndarray, text: dict, chunk: Chunk, name: str) -> Patch:
    """Returns a NaoTH patch: its side is its width, unless the text says that it was `subsampled` or has a `side`."""
    height, width = rgbx.shape
    facts = labels.facts_from_text(text, width, height, chunk.border)
    ready = "subsampled" in text
    side = labels.number(text, "side") if "side" in text else math.nan if ready else width
    source = f"{chunk.camera}/{chunk.recording}/{name}"
    told = text.get("recording")  # needed if the archive is not named after the recording
    named = isinstance(told, str) and told.isprintable() and 0 < len(told) <= RECORDING_MAX
    return Patch(rgbx, facts, chunk.camera, told if named else chunk.recording, NAOTH, ready, side, source)


def _devils(rgbx: np.ndarray, name: str) -> Patch:
    """Reads class, camera and recording from a path such as .../RECORDING/1.00/...upper....png."""
    *_, recording, label, file = ("", "", *PurePosixPath(name).parts)
    upper, lower = "upper" in file.lower(), "lower" in file.lower()
    if upper == lower:
        raise Refused("neither upper nor lower in the file name")
    if label not in ("1.00", "0.00"):
        raise Refused("not in a folder 1.00 or 0.00")
    if not recording:
        raise Refused("no recording folder above the class folder")
    return Patch(rgbx, Facts(float(label)), "top" if upper else "bottom", recording, DEVILS, ready=True)
