"""Decodes every patch of the sources once, for all requested sizes and colours."""

import hashlib
from dataclasses import dataclass

import numpy as np

from dataset_tools.building import colour
from dataset_tools.building.sample_pixels import sample
from dataset_tools.leaks import hashes
from dataset_tools.sources.patch_sources import CAMERAS, ORIGINS, Chunk, Patch, Skipped, read

THUMBNAIL = 16  # side in pixels; thumbnails are always made, because they are needed to find duplicates
CAMERA_CODES = {camera: code for code, camera in enumerate((*CAMERAS, ""))}


@dataclass(frozen=True)
class Plan:
    """How each patch is subsampled: sides in pixels, with or without U/V, and the sampling rule."""

    sizes: tuple[int, ...]
    chroma: bool
    method: str


@dataclass(frozen=True)
class Batch:
    """The patches of one chunk.

    pixels: the network inputs by size, uint8 [n, size, size, 1 or 2].
    columns: arrays by name, with one value per patch; see `_columns`.
    recordings: str, one per patch.
    skipped: patches that were left out.
    label, digest: origin and name of the source, and sha256 of everything that was read from the source.
    packed_bytes: size of the source, for the progress bar.
    """

    pixels: dict[int, np.ndarray]
    columns: dict[str, np.ndarray]
    recordings: list[str]
    skipped: list[Skipped]
    label: tuple[str, str]
    digest: str
    packed_bytes: int


def decode(chunk: Chunk, plan: Plan) -> Batch:
    """Reads and subsamples the patches of one chunk; can run in a worker process."""
    digest = hashlib.sha256()
    samples: dict[int, list[np.ndarray]] = {size: [] for size in {*plan.sizes, THUMBNAIL}}
    patches, skipped = [], []
    for item in read(chunk, digest):
        if isinstance(item, Skipped):
            skipped.append(item)
            continue
        for size, found in samples.items():
            found.append(sample(item.rgbx, size, plan.method, plan.chroma, item.ready))
        patches.append(item._replace(rgbx=None))  # drops the decoded picture to save memory
    planes = 2 if plan.chroma else 1
    channels = {
        size: colour.to_channels(np.array(found, "<u4").reshape(-1, planes, size, size))
        if found
        else np.empty((0, size, size, planes), np.uint8)
        for size, found in samples.items()
    }
    return Batch(
        {size: channels[size] for size in plan.sizes},
        _columns(patches, channels[THUMBNAIL]),
        [patch.recording for patch in patches],
        skipped,
        (chunk.origin, f"{chunk.camera}/{chunk.recording}"),
        digest.hexdigest(),
        sum(member.packed for member in chunk.members) or chunk.path.stat().st_size,
    )


def _columns(patches: list[Patch], thumbnails: np.ndarray) -> dict[str, np.ndarray]:
    facts = [patch.facts for patch in patches]
    luma = np.ascontiguousarray(thumbnails[..., 0])
    return {
        "ball": np.array([fact.ball for fact in facts], np.float64),
        "penalty": np.array([fact.penalty for fact in facts], np.float64),
        "robot": np.array([fact.robot for fact in facts], np.float64),
        "circle": np.array([fact.circle for fact in facts], np.float32).reshape(-1, 3),
        "side": np.array([patch.side for patch in patches], np.float32),
        "source": np.array([patch.source.encode("utf-8", "replace") for patch in patches], "S"),
        "camera": np.array([CAMERA_CODES[patch.camera] for patch in patches], np.uint8),
        "origin": np.array([ORIGINS.index(patch.origin) for patch in patches], np.uint8),
        # Only brightness is hashed, so that the duplicates are the same with and without U and V.
        "content": hashes.content(luma),
        "look": hashes.look(luma),
        "contrast": hashes.contrast(luma),
        "thumbnail": luma,
    }
