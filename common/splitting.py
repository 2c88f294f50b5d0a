"""Which whole recordings go to the other side of a split, so that validation is no memory test of one game."""

import numpy as np

ATTEMPTS = 400  # random orders tried; more do not come visibly closer with 10 to 200 recordings


def choose_groups(counts: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Chooses whole groups that together hold about `fraction` of every column of `counts`.

    Seeded random orders are filled greedily and the one nearest to the wish in all columns wins. The same counts in the
    same order with the same seed give the same choice.

    Args:
        counts: [groups, columns], for example patches and balls of each recording.
        fraction: wished share of every column, 0..1.
        seed: of the random orders.

    Returns:
        bool [groups], True where the group is chosen: at least one and never all, unless there are fewer than two
        groups or the fraction is 0.
    """
    counts = np.asarray(counts, dtype=np.float64)
    groups = len(counts)
    chosen = np.zeros(groups, dtype=bool)
    if groups < 2 or fraction <= 0:
        return chosen
    totals = counts.sum(axis=0)
    shares = counts[:, totals > 0] / totals[totals > 0]
    generator = np.random.default_rng(seed)
    best_cost = np.inf
    for _ in range(ATTEMPTS):
        candidate, cost = _fill(shares, fraction, generator.permutation(groups))
        if cost < best_cost:
            chosen, best_cost = candidate, cost
    return chosen


def _fill(shares: np.ndarray, fraction: float, order: np.ndarray) -> tuple[np.ndarray, float]:
    """Takes groups in `order` as long as each one brings the chosen share nearer to the fraction."""
    chosen = np.zeros(len(shares), dtype=bool)
    held = np.zeros(shares.shape[1])
    cost = np.inf
    for group in order:
        with_group = float(np.abs(held + shares[group] - fraction).sum())
        if with_group < cost and chosen.sum() < len(shares) - 1:
            chosen[group] = True
            held = held + shares[group]
            cost = with_group
    return chosen, cost
