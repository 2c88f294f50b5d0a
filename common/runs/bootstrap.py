"""Computes confidence intervals by resampling whole recordings."""

from collections.abc import Callable

import numpy as np

from common.cli.progress import progress_bar


def bootstrap_interval(
    metric: Callable[..., float | np.ndarray | None], *columns: np.ndarray, groups=None, n: int = 1000, seed: int = 0
) -> tuple | None:
    """Computes the 95 % percentile interval of a metric over `n` resamples with replacement (Efron 1979).

    With `groups`, whole groups are drawn (cluster bootstrap). The patches of one recording resemble each other, so if
    single patches were drawn, the interval would be far too narrow.

    Args:
        metric: takes the drawn rows of each column; returns a number, an array of numbers (such as the differences of
            two models), or None if the metric is undefined for these rows.
        *columns: arrays [n, ...] with one row per patch, such as labels and scores, or errors.
        groups: str or int [n], the recording of each patch.

    Returns:
        (low, high), or two lists if the metric returns an array; None if the metric is undefined for all resamples.
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
