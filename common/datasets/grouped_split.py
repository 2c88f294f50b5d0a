"""Which whole recordings go to the other side of a split, so that validation is no memory test of one game."""

import numpy as np

ATTEMPTS = 400  # random orders tried; more do not come visibly closer with 10 to 200 recordings


def choose_groups(counts: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Chooses whole groups that together hold about `fraction` of every column of `counts`.

    Seeded random orders are filled greedily, each group taken if it brings the chosen share nearer to the wish, and the
    order that ends nearest in all columns wins. The same counts in the same order with the same seed give the same
    choice.

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
    for group in orders.T:  # the next group of every attempt
        with_group = held + shares[group]
        new_cost = np.abs(with_group - fraction).sum(axis=1)
        taken = (new_cost < cost) & (chosen.sum(axis=1) < groups - 1)
        chosen[attempts[taken], group[taken]] = True
        held[taken] = with_group[taken]
        cost[taken] = new_cost[taken]
    return chosen[cost.argmin()]
