"""Confidence intervals by resampling whole recordings."""

from collections.abc import Callable

import numpy as np

from common.cli.progress import progress_bar


def bootstrap_interval(
    metric: Callable[..., float | np.ndarray | None], *columns: np.ndarray, groups=None, n: int = 1000, seed: int = 0
) -> tuple | None:
    """The 95 % percentile interval of a metric over `n` resamples with replacement (Efron 1979).

    With `groups`, whole groups are drawn (the cluster bootstrap): patches of one recording resemble each other, and
    drawn one by one they would make the interval far too narrow.

    Args:
        metric: takes the drawn rows of each column; a number, or an array of numbers that are drawn together, such as
            the differences of two models; None if it is undefined for them.
        *columns: [n, ...] each, one row per patch: labels and scores, errors, ...
        groups: str or int [n], the recording of each patch.
        n: resamples.
        seed: the same seed, the same interval.

    Returns:
        (low, high), lists where the metric gives an array, or None if the metric was defined for no resample.
    """
    columns = [np.asarray(column) for column in columns]
    members = np.arange(len(columns[0])) if groups is None else np.unique(groups, return_inverse=True)[1].reshape(-1)
    rows = np.split(np.argsort(members, kind="stable"), np.cumsum(np.bincount(members))[:-1])
    random, values = np.random.default_rng(seed), []
    for _ in progress_bar(range(n), desc="resampling", unit="draw", delay=2, leave=False):
        drawn = np.concatenate([rows[group] for group in random.integers(len(rows), size=len(rows))])
        value = metric(*(column[drawn] for column in columns))
        if value is not None:
            values.append(value)
    return tuple(np.percentile(values, (2.5, 97.5), axis=0).tolist()) if values else None
