"""Splits patches by whole recordings, so that no game is in both training and validation."""

import numpy as np

from common.datasets.patch_file import Patches
from common.errors import UserError

ATTEMPTS = 400  # number of random orders; with 10 to 200 recordings, more orders hardly improve the result


def choose_groups(counts: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Chooses whole groups that together hold about `fraction` of every column of `counts`.

    Several random orders of the groups are tried. In each order, a group is taken if it brings the chosen part closer
    to `fraction`. The order whose choice is closest to `fraction` over all columns is used. The same arguments always
    give the same choice.

    Args:
        counts: [groups, columns], for example patches and balls of each recording.
        fraction: 0..1.
        seed: seed of the random orders.

    Returns:
        bool [groups]: one or more groups, but never all; no group if there are fewer than two or `fraction` is 0.
    """
    counts = np.asarray(counts, dtype=np.float64)
    groups = len(counts)
    if groups < 2 or fraction <= 0:
        return np.zeros(groups, dtype=bool)
    totals = counts.sum(axis=0)
    shares = counts[:, totals > 0] / totals[totals > 0]
    generator = np.random.default_rng(seed)
    orders = np.array([generator.permutation(groups) for _ in range(ATTEMPTS)])
    attempts = np.arange(ATTEMPTS)
    chosen = np.zeros((ATTEMPTS, groups), dtype=bool)
    held = np.zeros((ATTEMPTS, shares.shape[1]))
    cost = np.full(ATTEMPTS, np.inf)
    for group in orders.T:  # the next group in each of the orders
        with_group = held + shares[group]
        new_cost = np.abs(with_group - fraction).sum(axis=1)
        taken = (new_cost < cost) & (chosen.sum(axis=1) < groups - 1)
        chosen[attempts[taken], group[taken]] = True
        held[taken] = with_group[taken]
        cost[taken] = new_cost[taken]
    return chosen[cost.argmin()]


def split_validation(patches: Patches, fraction: float = 0.15, seed: int = 0) -> tuple[Patches, Patches, str]:
    """Splits validation patches off the training patches, for families without a validation file.

    Moves whole recordings, with a similar fraction of balls, if there are at least two recordings and both classes
    remain in training. Otherwise, splits patch by patch, stratified by class.

    Returns:
        The training patches, the validation patches, and a description for the user.

    Raises:
        UserError: `fraction` is outside 0..1, or there are fewer than two patches.
    """
    if not 0 < fraction < 1 or len(patches) < 2:
        raise UserError(
            f"cannot split off validation patches. Received: fraction {fraction} of {len(patches)} patches."
        )
    balls = (patches.y > 0.5) if patches.task == "classification" else np.ones(len(patches), bool)
    mask, why = None, "the file names no recordings"
    if patches.recording is not None:
        names, group = np.unique(patches.recording, return_inverse=True)
        counts = np.stack([np.bincount(group), np.bincount(group, weights=balls)], axis=1)
        chosen = choose_groups(counts, fraction, seed)
        mask, why = chosen[group], "there is only one recording"
        how = f"by recording ({chosen.sum()} of {len(names)} recordings, {mask.sum()}"
        if chosen.any() and len(set(balls)) > len(set(balls[~mask])):  # for example two recordings of one class each
            mask, why = None, "a split by recording would leave only one class for training"
    if mask is None or not mask.any():
        mask = _stratified(balls, fraction, seed)
        how = f"patch by patch, stratified by class, because {why}; near duplicates may be on both sides ({mask.sum()}"
    return patches.take(~mask), patches.take(mask), f"{how} of {len(patches)} patches, seed {seed})"


def _stratified(balls: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Chooses the same fraction of each class at random. Returns bool [n], with at least one patch on each side."""
    generator = np.random.default_rng(seed)
    mask = np.zeros(len(balls), bool)
    for label in (False, True):
        indices = generator.permutation(np.flatnonzero(balls == label))
        mask[indices[: round(fraction * len(indices))]] = True
    if not mask.any() or mask.all():
        mask[:] = False
        mask[generator.integers(len(mask))] = True
    return mask
