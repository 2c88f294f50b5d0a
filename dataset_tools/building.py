"""Builds all wished families, one pass over the sources for each patch type and border."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np

from common.archive import fetch
from common.cli import UserError
from common.families import ORIGINS, Family
from common.progress import progress_bar
from dataset_tools import labels, leak_report, leaks, selection, splits, writing
from dataset_tools.decoding import Plan, decode
from dataset_tools.options import Settings
from dataset_tools.sources import DEVILS, NAOTH, TK03, Chunk, Skipped, devils_chunks, naoth_chunks, size_of
from dataset_tools.store import Store, temporary_store
from dataset_tools.workers import Map, workers

DEVILS_NAME = "NaoDevils_Patches_GO24_32x32x3_nsamples_ 215820/patches_classification_naodevils_32x32x3_GO24.zip"
TK03_NAME = "tk03_combined_detection.pkl"


@dataclass(frozen=True)
class Outcome:
    """What became of one combination: `built`, `failed` or `skipped`, and what there is to say about it."""

    name: str
    status: str
    note: str


def build(settings: Settings) -> list[Outcome]:
    """Builds every combination that can exist; one that fails does not keep the others from being built.

    Raises:
        UserError: there is nothing to build from at all.
    """
    roots = list(product(settings.type, settings.border))
    outcomes, any_root = [], False
    for patch_type, border in roots:
        families, impossible = settings.families(patch_type, border)
        outcomes += [Outcome(name, "skipped", reason) for name, reason in impossible]
        if not families:
            continue
        root = naoth_root(settings, patch_type, border)
        if root is not None and not root.is_dir():
            outcomes += [Outcome(short(family), "skipped", f"no patches: there is no {root}") for family in families]
            continue
        any_root = True
        print(f"{patch_type} border {border}:", file=sys.stderr)
        try:
            with workers(settings.jobs) as spread:
                outcomes += _build_root(settings, families, root, border, spread)
        except (UserError, OSError) as error:
            outcomes += [Outcome(short(family), "failed", _reason(error, settings)) for family in families]
    if not any_root and not any(outcome.status == "failed" for outcome in outcomes):
        reasons = {outcome.note for outcome in outcomes}
        raise UserError(f"nothing to build. Received: {'; '.join(sorted(reasons))}.")
    return outcomes


def _reason(error: UserError | OSError, settings: Settings) -> str:
    """Why nothing was built, in one line."""
    if isinstance(error, OSError):
        where = error.filename or settings.output_dir
        return f"{where}: {error.strerror or error}. Check room and rights, or name another --output-dir."
    return " ".join(str(error).split())


def short(family: Family) -> str:
    """A family's name without the words that all of its task share."""
    return f"{family.colour}_{family.patch_type}_border{family.border}_{family.camera}_{family.size}x{family.size}"


def naoth_root(settings: Settings, patch_type: str, border: int) -> Path | None:
    """The folder with top/ and bottom/ of a patch type and border; None if no NaoTH patches are wanted.

    Raises:
        UserError: one root is given for several.
    """
    if settings.naoth is None or NAOTH not in settings.origins:
        return None
    if not any((settings.naoth / camera).is_dir() for camera in ("top", "bottom")):
        return settings.naoth / f"{patch_type}_border{border}"
    if len(settings.type) * len(settings.border) > 1:
        raise UserError(
            f"--naoth is one root, for one patch type and border. Received: {settings.naoth} for --type"
            f" {' '.join(settings.type)} --border {' '.join(map(str, settings.border))}. Name one of each, or give the"
            " folder that holds legacy_border0/ and so on."
        )
    return settings.naoth


def _build_root(
    settings: Settings, families: list[Family], root: Path | None, border: int, spread: Map
) -> list[Outcome]:
    plan = Plan(
        tuple(sorted({family.size for family in families})),
        any(family.channels == 2 for family in families),
        settings.sampling,
    )
    with temporary_store(settings.output_dir / settings.task, plan) as store:
        fill(store, settings, families, root, border, spread)
        print(summary(store), file=sys.stderr)
        if settings.strict and store.skipped:
            raise UserError(f"--strict: {store.skipped.total()} patches would be skipped, see the reasons above.")
        ready = selection.usable(store, settings.task, settings.partial)
        side = _split(store, settings, ready, f"{families[0].patch_type}_border{border}")
        return _write_all(store, settings, families, ready, side, spread)


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
                store.skip(NAOTH, item)
            else:
                yield item, store.plan

    with progress_bar(total=total, desc="  decoding", unit="B", unit_scale=True) as bar:
        for batch in spread(decode, tasks()):
            store.add(batch)
            bar.update(batch.packed_bytes)
        bar.total = bar.n  # the directories of the zips were counted too
    store.close()
    if not len(store):
        raise UserError(f"no patches found in {', '.join(settings.origins)}.")
    if settings.task == "detection":
        _skip_unplaced(store)


def _files(settings: Settings, families: list[Family]) -> dict[str, Path]:
    """The files of the sources that are one file, by origin: given, or from the archive before any work is done."""
    wanted = {DEVILS: (settings.devils, DEVILS_NAME)}
    if any(selection.takes_tk03(family) for family in families):
        wanted[TK03] = (settings.tk03, TK03_NAME)
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
    """Counts the balls that detection has to leave out because nobody knows where they are."""
    unplaced = (store.columns["kind"] == labels.BALL) & ~np.isfinite(store.columns["circle"]).all(axis=1)
    for index in np.flatnonzero(unplaced):
        recording = store.recordings[store.columns["recording"][index]]
        store.skip(ORIGINS[store.columns["origin"][index]], Skipped(recording, "ball without a plausible place"))


def summary(store: Store) -> str:
    """Counts by origin and kind, and what was skipped, as a table."""
    kind, origin = store.columns["kind"], store.columns["origin"]
    lines = [f"  {'':8}" + "".join(f"{name:>11}" for name in ("patches", *labels.KIND_NAMES))]
    for code, name in enumerate(ORIGINS):
        mine = kind[origin == code]
        if len(mine):
            counts = (len(mine), *np.bincount(mine, minlength=len(labels.KIND_NAMES)))
            lines.append(f"  {name:8}" + "".join(f"{count:>11}" for count in counts))
    for (name, reason), count in sorted(store.skipped.items()):
        lines.append(f"  skipped {count} of {name}: {reason}, such as {', '.join(store.examples[name, reason])}")
    return "\n".join(lines)


def _split(store: Store, settings: Settings, ready: np.ndarray, root: str) -> np.ndarray:
    """Sides of all patches, int [n]; the leak report is written.

    Raises:
        UserError: more duplicates across the split than allowed.
    """
    clear = np.isin(store.columns["kind"], (labels.BALL, labels.NO_BALL))
    with progress_bar(desc="  duplicates", unit=" patches") as bar:

        @cache  # with one source of clear patches, links and leaks are looked for among the same ones
        def find(mask: bytes) -> leaks.Pairs:
            patches = np.flatnonzero(np.frombuffer(mask, bool))
            return leaks.find(patches, store.columns, store.thumbnails, bar.update)

        def pairs(mask: np.ndarray) -> leaks.Pairs:
            return find(mask.tobytes())

        linking = {}
        if settings.keep_linked:  # each origin alone: the split of one must not depend on what else is built
            origin = store.columns["origin"]
            linking = {name: pairs(clear & (origin == ORIGINS.index(name))) for name in (NAOTH, DEVILS)}
        side, _ = splits.of_store(store, settings.shares, settings.seed, settings.test_recordings, linking)
        report = leak_report.across(pairs(ready), side, ready)
    picture = settings.output_dir / settings.task / "reports" / f"{root}_leaks.png"
    title = f"{settings.task}, {root}: patches of different recordings that look alike on two sides of the split"
    leak_report.draw(report, store, side, f"{title}; allowed are {settings.max_leaks:.2%} of a side", picture)
    print("\n".join(f"  {line}" for line in report.lines) + f"\n  pairs: {picture}", file=sys.stderr)
    if report.worst_share > settings.max_leaks:
        raise UserError(
            f"leak: {report.worst_share:.2%} of a split have a duplicate in another, allowed are"
            f" {settings.max_leaks:.2%} (--max-leaks). See {picture}."
        )
    return side


def _write_all(
    store: Store, settings: Settings, families: list[Family], ready: np.ndarray, side: np.ndarray, spread: Map
) -> list[Outcome]:
    unfinished = store.folder / "files"
    contents = {family: selection.of_family(family, store, ready, side) for family in families}
    tasks = (
        (writing.job(family, content, store, settings, unfinished),)
        for family, files in contents.items()
        for content in files
    )
    with progress_bar(total=sum(map(len, contents.values())), desc="  writing", unit=" files") as bar:
        done: dict[str, writing.Written] = {}
        for file in spread(writing.write, tasks):
            done[file.name] = file
            bar.update()
    outcomes = []
    for family, files in contents.items():
        if not files:
            outcomes.append(Outcome(short(family), "failed", "no patches with a label for it"))
            continue
        written = [done[content.name] for content in files]
        writing.put_in_place(family, written, unfinished, settings.output_dir)
        counts = ", ".join(f"{file.part} {file.patches} ({file.balls} balls)" for file in written)
        outcomes.append(Outcome(short(family), "built", counts))
    return outcomes
