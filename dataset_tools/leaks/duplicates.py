"""Uses a perceptual hash to find identical and similar patches in different recordings, without comparing all pairs.

If two hashes of 64 bits differ in at most 7 bits, then at least one of their four 16-bit bands differs in at most one
bit (pigeonhole principle). So only patches that share a band, or a band with one bit flipped, are compared. A pair is
kept only if the correlation between its two pictures is also high.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from dataset_tools.leaks import hashes

BANDS, BAND_BITS = 4, 16
NEAR_BITS = 7
# Minimum correlation between two 16x16 pictures. A lower limit would include robots and lines that only look alike.
CORRELATION_MIN = 0.93
CONTRAST_MIN = 6.0  # grey levels; flatter pictures (grass, white robots) all look alike, so they prove nothing
# Maximum number of patches compared per band value. A robot that stands still produces thousands of identical patches.
BUCKET_MAX = 2048
EQUAL_MAX = 16  # a patch is paired with identical patches of at most this many recordings
BLOCK = 1024  # patches looked up at once
PAIRS_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class Pairs:
    """Pairs of similar patches from different recordings.

    For each patch `right` and each other recording with similar patches, `left` is the most similar of these.

    left, right: indices of patches; correlation: float [n], 1 for exact duplicates; exact: bool [n].
    """

    left: np.ndarray
    right: np.ndarray
    correlation: np.ndarray
    exact: np.ndarray

    def __len__(self) -> int:
        return len(self.left)

    def where(self, mask: np.ndarray) -> "Pairs":
        """Returns the pairs for which `mask` is true."""
        return Pairs(self.left[mask], self.right[mask], self.correlation[mask], self.exact[mask])


def find(
    patches: np.ndarray,
    columns: dict[str, np.ndarray],
    thumbnails: Callable[[np.ndarray], np.ndarray],
    progress: Callable[[int], object] = int,
) -> Pairs:
    """Finds exact and near duplicates between recordings. Each pair is returned in both directions.

    Args:
        patches: indices of the patches to compare.
        columns: `content`, `look`, `contrast` (see `hashes`) and `recording` (int) of all patches.
        thumbnails: function that returns the brightness of the patches at given indices, uint8 [n, 16, 16].
        progress: called with the number of patches that have been looked up since the last call.
    """
    left, right = _equal(patches, columns["content"], columns["recording"])
    parts = [(left, right, np.ones(len(left)), np.ones(len(left), bool))]
    clear = patches[columns["contrast"][patches] >= CONTRAST_MIN]
    for a, b in _candidates(clear, columns["look"], columns["recording"], progress):
        keep = columns["content"][a] != columns["content"][b]
        a, b = a[keep], b[keep]
        likeness = correlation(thumbnails(a), thumbnails(b))
        keep = likeness >= CORRELATION_MIN
        best = _best(a[keep], b[keep], likeness[keep], columns["recording"])
        parts.append((*best, np.zeros(len(best[0]), bool)))
    return Pairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _equal(patches: np.ndarray, content: np.ndarray, recording: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds exact duplicates: pairs each patch with the first identical patch of each other recording."""
    order = patches[np.lexsort((patches, recording[patches], content[patches]))]
    starts = np.flatnonzero(np.diff(content[order], prepend=~content[order[:1]]))
    left, right = [], []
    for group in np.split(order, starts[1:]):
        if len(group) < 2 or recording[group[0]] == recording[group[-1]]:
            continue
        first = group[np.unique(recording[group], return_index=True)[1]][:EQUAL_MAX]
        a, b = np.repeat(first, len(group)), np.tile(group, len(first))
        other = recording[a] != recording[b]
        left.append(a[other])
        right.append(b[other])
    empty = np.empty(0, np.int64)
    return np.concatenate([empty, *left]), np.concatenate([empty, *right])


def _best(left: np.ndarray, right: np.ndarray, likeness: np.ndarray, recording: np.ndarray) -> tuple[np.ndarray, ...]:
    """Keeps only the most similar pair for each patch `right` and each recording of `left`."""
    order = np.lexsort((left, -likeness, recording[left], right))
    left, right, likeness = left[order], right[order], likeness[order]
    new = (np.diff(right, prepend=-1) != 0) | (np.diff(recording[left], prepend=-1) != 0)
    return left[new], right[new], likeness[new]


def _candidates(
    patches: np.ndarray, look: np.ndarray, recording: np.ndarray, progress: Callable[[int], object]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields pairs from different recordings whose hashes differ in at most NEAR_BITS bits, block by block."""
    probes = np.concatenate([[0], 1 << np.arange(BAND_BITS)])  # an unchanged band, or a band with one flipped bit
    tables = [_Table(patches, look, band) for band in range(BANDS)] if len(patches) else []
    for start in range(0, len(patches), BLOCK):
        block = patches[start : start + BLOCK]
        owners = np.repeat(block, len(probes))
        found = [np.empty((2, 0), np.int64)]
        for band, table in enumerate(tables):
            keys = (_band(look[block], band)[:, None] ^ probes).ravel()
            for a, b in table.matches(keys, owners):
                close = (np.bitwise_count(look[a] ^ look[b]) <= NEAR_BITS) & (recording[a] != recording[b])
                found.append(np.stack([a[close], b[close]]))
        pairs = np.unique(np.concatenate(found, axis=1), axis=1)
        progress(len(block))
        for part in range(0, pairs.shape[1], PAIRS_AT_ONCE // 64):
            yield tuple(pairs[:, part : part + PAIRS_AT_ONCE // 64])


def _band(look: np.ndarray, band: int) -> np.ndarray:
    return ((look >> np.uint64(band * BAND_BITS)) & np.uint64((1 << BAND_BITS) - 1)).astype(np.int64)


class _Table:
    """Finds patches by one band of their hash."""

    def __init__(self, patches: np.ndarray, look: np.ndarray, band: int):
        # The order is random, because only the first BUCKET_MAX patches with the same band value are compared.
        shuffled = np.random.default_rng(band).permutation(patches)
        keys = _band(look[shuffled], band)
        self.patches = shuffled[np.argsort(keys, kind="stable")]
        counts = np.bincount(keys, minlength=1 << BAND_BITS)
        self.starts = np.cumsum(counts) - counts
        self.counts = np.minimum(counts, BUCKET_MAX)

    def matches(self, keys: np.ndarray, owners: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs the owner of each key with the patches whose band equals this key.

        Yields about PAIRS_AT_ONCE pairs at a time.
        """
        counts = self.counts[keys]
        used = counts > 0
        keys, owners, counts = keys[used], owners[used], counts[used]
        part = np.cumsum(counts) // PAIRS_AT_ONCE
        for number in np.unique(part):
            mine = part == number
            lengths = counts[mine]
            inside = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            starts = np.repeat(self.starts[keys[mine]], lengths)
            yield self.patches[starts + inside], np.repeat(owners[mine], lengths)


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns Pearson's correlation of pairs of pictures uint8 [n, 16, 16]: float [n]; 0 if one of the two is flat."""
    a, b = (part.reshape(len(part), hashes.SIDE**2).astype(np.float32) for part in (a, b))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), scale, out=np.zeros(len(a), np.float32), where=scale > 0)
