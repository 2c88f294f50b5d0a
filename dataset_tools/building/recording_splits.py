"""Splits patches into training, validation and test by recording, so that no game is split between two sides."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np

from common.datasets.families import SPLITS
from common.datasets.validation_split import choose_groups
from common.errors import UserError
from dataset_tools.building.patch_store import Store
from dataset_tools.leaks.duplicates import Pairs
from dataset_tools.sources import labels
from dataset_tools.sources.patch_sources import DEVILS, NAOTH, ORIGINS

TRAIN, VALIDATION, TEST = SPLITS
LINKS_MIN, LINKS_SHARE_MIN = 3, 0.01  # minimum number and fraction of near duplicates that link two recordings


def of_store(
    store: Store,
    fractions: tuple[float, float, float],
    seed: int,
    test_patterns: Sequence[str],
    pairs: Mapping[str, Pairs],
) -> tuple[np.ndarray, dict[str, str]]:
    """Assigns every patch to a side of the split.

    The split of NaoTH recordings depends only on how many patches each recording has, never on the task, colour, size,
    camera or partial balls, so that a recording is on the same side in all families of one root. The Nao Devils'
    recordings are split separately; patches without a recording (TK03) go into the training split.

    Args:
        store: the patches.
        fractions: desired fractions of training, validation and test.
        seed: seed of the random choice.
        test_patterns: if given, the recordings that match one of these (`*`, `?`) form the test split.
        pairs: the near duplicates of each origin. Recordings that share several near duplicates are kept together.

    Returns:
        int [n], index into SPLITS, and the side of each recording.

    Raises:
        UserError: a pattern matches no recording.
    """
    sides: dict[str, str] = {}
    for origin in (NAOTH, DEVILS):
        counts = {name: count for name, count in _counts(store, origin).items() if name not in sides}
        groups = _linked(counts, _links(store, pairs[origin]) if origin in pairs else {})
        sides |= assign(counts, groups, fractions, seed, test_patterns)
    for pattern in test_patterns:
        if not any(fnmatchcase(name, pattern) for name in sides):
            known = ", ".join(sorted(sides)[:8])
            raise UserError(f"--test-recordings matches no recording. Received: {pattern!r}. There are: {known}, ...")
    table = np.array([SPLITS.index(sides.get(name, TRAIN)) for name in store.recordings], np.int8)
    return table[store.columns["recording"]], sides


def assign(
    counts: Mapping[str, Sequence[int]],
    groups: Sequence[Sequence[str]],
    fractions: tuple[float, float, float],
    seed: int,
    test_patterns: Sequence[str] = (),
) -> dict[str, str]:
    """Assigns every recording to one split.

    For each camera, the balls and the other patches are divided approximately as `fractions` says.

    Args:
        counts: for each recording, the numbers of balls and of other patches from each camera.
        groups: recordings that stay together; every recording is in one group.
        fractions: see `of_store`.
        seed: see `of_store`.
        test_patterns: see `of_store`.

    Returns:
        The side of each recording.
    """
    sides = dict.fromkeys(sorted(counts), TRAIN)
    if test_patterns:
        pinned = {name for name in counts if any(fnmatchcase(name, pattern) for pattern in test_patterns)}
        sides.update(dict.fromkeys(pinned, TEST))
        free = [group for group in ([name for name in group if name not in pinned] for group in groups) if group]
    else:
        free = _take(sides, counts, groups, TEST, fractions[2], seed)
    _take(sides, counts, free, VALIDATION, fractions[1] / max(fractions[0] + fractions[1], 1e-9), seed + 1)
    return sides


def _take(sides: dict, counts: Mapping, groups: Sequence, side: str, fraction: float, seed: int) -> list:
    """Moves some of the groups to `side` and returns the remaining groups."""
    if not groups:
        return []
    totals = np.array([np.sum([counts[name] for name in group], axis=0) for group in groups])
    chosen = choose_groups(totals, fraction, seed)
    for group, taken in zip(groups, chosen, strict=True):
        if taken:
            sides.update(dict.fromkeys(group, side))
    return [group for group, taken in zip(groups, chosen, strict=True) if not taken]


def _counts(store: Store, origin: str) -> dict[str, np.ndarray]:
    """Counts the patches of each recording, int [4]: top camera without and with a ball, then bottom camera."""
    mine = store.columns["origin"] == ORIGINS.index(origin)
    counts = np.zeros((len(store.recordings), 2, 2), np.int64)
    clear = mine & np.isin(store.columns["kind"], (labels.NO_BALL, labels.BALL))
    key = (store.columns[name][clear] for name in ("recording", "camera", "kind"))
    np.add.at(counts, tuple(key), 1)
    return {store.recordings[code]: counts[code].reshape(-1) for code in np.unique(store.columns["recording"][mine])}


def _links(store: Store, pairs: Pairs) -> dict[tuple[str, str], float]:
    """Counts the near duplicates between any two recordings: the mean of the counts in both directions."""
    codes = np.stack([store.columns["recording"][pairs.left], store.columns["recording"][pairs.right]])
    edges, numbers = np.unique(np.sort(codes, axis=0), axis=1, return_counts=True)
    names = [(store.recordings[a], store.recordings[b]) for a, b in edges.T]
    return dict(zip(names, (numbers / 2).tolist(), strict=True))


def _linked(counts: Mapping[str, Sequence[int]], links: Mapping[tuple[str, str], float]) -> list[list[str]]:
    """Groups the recordings that share near duplicates, directly or through other recordings.

    The groups are sorted, so that the split is reproducible.
    """
    group = {name: {name} for name in counts}
    for (a, b), number in links.items():
        if a not in group or b not in group:
            continue
        if number >= max(LINKS_MIN, LINKS_SHARE_MIN * min(sum(counts[a]), sum(counts[b]))):
            joined = group[a] | group[b]
            group.update(dict.fromkeys(joined, joined))
    return sorted({tuple(sorted(names)) for names in group.values()})
