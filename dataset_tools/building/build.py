"""Builds all requested families, in one pass over the sources for each patch type and border."""

import sys
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from pathlib import Path

import numpy as np

from common.cli.progress import progress_bar
from common.datasets.families import Family
from common.errors import UserError
from dataset_tools.building import choose_patches, corrections, read_sources, recording_splits, write_families
from dataset_tools.building.options import Settings
from dataset_tools.building.patch_store import Store, temporary_store
from dataset_tools.building.subsample_chunk import Plan
from dataset_tools.building.workers import Map, workers
from dataset_tools.leaks import report
from dataset_tools.leaks.duplicates import Pairs
from dataset_tools.leaks.duplicates import find as find_pairs
from dataset_tools.sources import labels
from dataset_tools.sources.patch_sources import DEVILS, NAOTH, ORIGINS

MEASURED, FEW_BALLS = ("validation", "test"), 30  # a file with fewer than 30 balls causes a warning


@dataclass(frozen=True)
class Outcome:
    """The result of one combination: `built`, `failed` or `skipped`, and a note."""

    name: str
    status: str
    note: str


def build(settings: Settings) -> list[Outcome]:
    """Builds every possible combination; a failure does not stop the others.

    Raises:
        UserError: there are no patches to build from.
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
        raise UserError(f"nothing to build. Received: {'; '.join(sorted(reasons))}. --help shows what --naoth takes.")
    return outcomes


def _reason(error: UserError | OSError, settings: Settings) -> str:
    """Returns the reason for a failure, in one line."""
    if isinstance(error, OSError):
        where = error.filename or settings.output_dir
        return f"{where}: {error.strerror or error}. Check free space and permissions, or choose another --output-dir."
    return " ".join(str(error).split())


def short(family: Family) -> str:
    """Returns a family's name without the words that all families of its task share."""
    return f"{family.colour}_{family.patch_type}_border{family.border}_{family.camera}_{family.size}x{family.size}"


def naoth_root(settings: Settings, patch_type: str, border: int) -> Path | None:
    """Returns the folder with top/ and bottom/ of a patch type and border; None if no NaoTH patches are wanted.

    Raises:
        UserError: one root is given for several types or borders.
    """
    if settings.naoth is None or NAOTH not in settings.origins:
        return None
    if not any((settings.naoth / camera).is_dir() for camera in ("top", "bottom")):
        return settings.naoth / f"{patch_type}_border{border}"
    if len(settings.type) * len(settings.border) > 1:
        raise UserError(
            f"--naoth is a root for one patch type and border. Received: {settings.naoth} for --type"
            f" {' '.join(settings.type)} --border {' '.join(map(str, settings.border))}. Choose one of each, or pass"
            " the folder that contains legacy_border0/ and so on."
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
        read_sources.fill(store, settings, families, root, border, spread)
        corrections.apply(store, settings, {(family.size, family.channels) for family in families})
        print(read_sources.summary(store), file=sys.stderr)
        if settings.strict and store.skips.counts:
            raise UserError(f"--strict: patches to skip: {store.skips.counts.total()}; see the reasons above.")
        ready = choose_patches.usable(store, settings.task, settings.partial)
        side = _split(store, settings, ready, f"{families[0].patch_type}_border{border}")
        return _write_all(store, settings, families, ready, side, spread)


def _split(store: Store, settings: Settings, ready: np.ndarray, root: str) -> np.ndarray:
    """Splits all patches and writes the leak report. Returns the side of each patch: int [n].

    Raises:
        UserError: there are more duplicates across the split than allowed.
    """
    clear = np.isin(store.columns["kind"], (labels.BALL, labels.NO_BALL))
    with progress_bar(desc="  duplicates", unit=" patches") as bar:

        @cache  # if there is only one source, the two searches below are often the same
        def find(mask: bytes) -> Pairs:
            patches = np.flatnonzero(np.frombuffer(mask, bool))
            return find_pairs(patches, store.columns, store.thumbnails, bar.update)

        def pairs(mask: np.ndarray) -> Pairs:
            return find(mask.tobytes())

        linking = {}
        if settings.keep_linked:  # for each origin separately, so that its split does not depend on other origins
            origin = store.columns["origin"]
            linking = {name: pairs(clear & (origin == ORIGINS.index(name))) for name in (NAOTH, DEVILS)}
        side, _ = recording_splits.of_store(store, settings.shares, settings.seed, settings.test_recordings, linking)
        found = report.across(pairs(ready), side, ready)
    picture = settings.output_dir / settings.task / "reports" / f"{root}_leaks.png"
    title = f"{settings.task}, {root}: similar patches from different recordings on different sides of the split"
    limit = f"at most {settings.max_leaks:.2%} of a split may have duplicates in another split"
    report.draw(found, store, side, [title, limit], picture)
    print("\n".join(f"  {line}" for line in found.lines) + f"\n  pairs: {picture}", file=sys.stderr)
    if found.worst_share > settings.max_leaks:
        raise UserError(
            f"leak: {found.worst_share:.2%} of the patches of a split have a duplicate in another split; at most"
            f" {settings.max_leaks:.2%} is allowed (--max-leaks). See {picture}."
        )
    return side


def _write_all(
    store: Store, settings: Settings, families: list[Family], ready: np.ndarray, side: np.ndarray, spread: Map
) -> list[Outcome]:
    unfinished = store.folder / "files"
    contents = {family: choose_patches.of_family(family, store, ready, side) for family in families}
    tasks = (
        (write_families.job(family, content, store, settings, unfinished),)
        for family, files in contents.items()
        for content in files
    )
    # All files are written before the first is put in place, so that an interrupted build changes no family.
    done = []
    with progress_bar(total=sum(map(len, contents.values())), desc="  writing", unit=" files") as bar:
        for result in spread(write_families.attempt, tasks):
            done.append(result)
            bar.update()
    results = iter(done)
    return [
        _finish(family, list(islice(results, len(files))), unfinished, settings) for family, files in contents.items()
    ]


def _finish(
    family: Family, done: list[write_families.Written | Exception], unfinished: Path, settings: Settings
) -> Outcome:
    """Puts the files of a family in place if all were written; a failure does not affect the next family."""
    if not done:
        return Outcome(short(family), "failed", "no patches with a usable label")
    try:
        for file in done:
            if isinstance(file, Exception):
                raise file
        if not any(file.balls for file in done):
            raise UserError("none of its patches shows a ball: are labels missing, or is it the wrong folder?")
        write_families.put_in_place(family, done, unfinished, settings.output_dir)
    except (UserError, OSError) as error:
        return Outcome(short(family), "failed", _reason(error, settings))
    if few := [f"{file.part} {file.balls}" for file in done if file.part in MEASURED and file.balls < FEW_BALLS]:
        found = f"fewer than {FEW_BALLS} balls, so metrics on them are unreliable: {', '.join(few)}"
        print(f"  warning: {short(family)}: {found}. Add recordings or change --split.", file=sys.stderr)
    counts = ", ".join(f"{file.part} {file.patches} ({file.balls} ball{'s' * (file.balls != 1)})" for file in done)
    return Outcome(short(family), "built", counts)
