"""Reads all sources of one root into a store, and counts their patches."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common.archive.fetch import fetch
from common.cli.progress import progress_bar
from common.datasets.families import Family
from common.errors import UserError
from dataset_tools.building.options import Settings
from dataset_tools.building.patch_store import Store
from dataset_tools.building.subsample_chunk import Plan, decode
from dataset_tools.building.workers import Map
from dataset_tools.sources import labels, tk03
from dataset_tools.sources.patch_sources import (
    DEVILS,
    NAOTH,
    ORIGINS,
    TK03,
    Chunk,
    Skipped,
    devils_chunks,
    naoth_chunks,
    size_of,
)

DEVILS_NAME = "NaoDevils_Patches_GO24_32x32x3_nsamples_ 215820/patches_classification_naodevils_32x32x3_GO24.zip"


def fill(store: Store, settings: Settings, families: list[Family], root: Path | None, border: int, spread: Map) -> None:
    """Reads and decodes all sources.

    Raises:
        UserError: a source is missing or cannot be read.
    """
    sources = _files(settings, families)
    total = sum(path.stat().st_size for path in sources.values()) + (size_of(root) if root else 0)

    def tasks() -> Iterator[tuple[Chunk, Plan]]:
        for item in _chunks(sources, root, border):
            if isinstance(item, Skipped):
                store.skips.add(item, NAOTH)
            else:
                yield item, store.plan

    with progress_bar(total=total, desc="  decoding", unit="B", unit_scale=True) as bar:
        for batch in spread(decode, tasks()):
            store.add(batch)
            bar.update(batch.packed_bytes)
        bar.total = bar.n  # until here, the total also included the sizes of the zips' directories
    store.close()
    if not len(store):
        found = f"no patches found in {', '.join(settings.origins)}"
        raise UserError(f"{'; '.join([found, *map(str.strip, store.skips.lines())])}.")
    if settings.task == "detection":
        _skip_unplaced(store)


def _files(settings: Settings, families: list[Family]) -> dict[str, Path]:
    """Returns the files of Nao Devils and TK03, by origin.

    A file that is not given is downloaded from the archive, before anything is decoded.
    """
    wanted = {DEVILS: (settings.devils, DEVILS_NAME)}
    if any(tk03.fits(family) for family in families):
        wanted[TK03] = (settings.tk03, tk03.NAME)
    return {
        origin: given or fetch(name, settings.data_root, settings.archive_url, offline=settings.offline)
        for origin, (given, name) in wanted.items()
        if origin in settings.origins
    }


def _chunks(sources: dict[str, Path], root: Path | None, border: int) -> Iterator[Chunk | Skipped]:
    if root is not None:
        yield from naoth_chunks(root, border)
    if DEVILS in sources:
        yield from devils_chunks(sources[DEVILS])
    if TK03 in sources:
        yield Chunk(TK03, sources[TK03])


def _skip_unplaced(store: Store) -> None:
    """Counts the balls that detection has to leave out because their position is unknown."""
    unplaced = (store.columns["kind"] == labels.BALL) & ~np.isfinite(store.columns["circle"]).all(axis=1)
    for index in np.flatnonzero(unplaced):
        recording = store.recordings[store.columns["recording"][index]]
        origin = ORIGINS[store.columns["origin"][index]]
        store.skips.add(Skipped(recording, "ball without a plausible position"), origin)


def summary(store: Store) -> str:
    """Returns a table of the numbers of patches by origin and kind, and of what was skipped."""
    kind, origin = store.columns["kind"], store.columns["origin"]
    names = labels.KIND_NAMES if (kind == labels.DROPPED).any() else labels.KIND_NAMES[:-1]
    lines = [f"  {'':8}" + "".join(f"{name:>11}" for name in ("patches", *names))]
    for code, name in enumerate(ORIGINS):
        mine = kind[origin == code]
        if len(mine):
            counts = (len(mine), *np.bincount(mine, minlength=len(names)))
            lines.append(f"  {name:8}" + "".join(f"{count:>11}" for count in counts))
    no_ball = (kind == labels.NO_BALL) & (origin == ORIGINS.index(NAOTH))
    if no_ball.any():
        counts = labels.others(store.columns["penalty"][no_ball], store.columns["robot"][no_ball])
        shown = ", ".join(f"{count} with a {name}" for name, count in counts.items())
        lines.append(f"  {NAOTH} without a ball: {shown}")
    return "\n".join(lines + store.skips.lines())
