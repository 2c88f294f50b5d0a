"""Stops runs that are behind: Ray Tune's asynchronous successive halving on the epochs' metric."""

from types import SimpleNamespace

from ray.tune.schedulers import AsyncHyperBandScheduler

FIRST_RUNG = 1 / 16  # of all epochs: behind the learning rate's warm-up, which takes 1 / 20
REDUCTION = 2  # the better half goes on at every rung: 1/16, 1/8, 1/4, 1/2 of the epochs


class Pruner:
    """Asynchronous successive halving (Li et al., A System for Massively Parallel Hyperparameter Tuning, 2020).

    A run that reaches a rung goes on when it is in the better half of those that reached it before.

    Args:
        metric: name in the rows; lower_is_better: its direction.
        epochs: of a whole training.
    """

    def __init__(self, metric: str, lower_is_better: bool, epochs: int):
        self._metric = metric
        self._scheduler = AsyncHyperBandScheduler(
            time_attr="epoch",
            metric=metric,
            mode="min" if lower_is_better else "max",
            max_t=max(2, epochs),
            grace_period=max(1, round(epochs * FIRST_RUNG)),
            reduction_factor=REDUCTION,
            stop_last_trials=False,
        )
        self._seen: dict[int, int] = {}

    def behind(self, index: int, rows: list[dict[str, float]]) -> bool:
        """Whether the training `index` should stop, given all its epochs so far; each epoch is judged once."""
        trial = SimpleNamespace(trial_id=str(index))
        if index not in self._seen:
            self._scheduler.on_trial_add(None, trial)
        stop = False
        for row in rows[self._seen.get(index, 0) :]:
            result = {"epoch": int(row["epoch"]), self._metric: row[self._metric]}
            stop |= self._scheduler.on_trial_result(None, trial, result) == "STOP"
        self._seen[index] = len(rows)
        return stop
