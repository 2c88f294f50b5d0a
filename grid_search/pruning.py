"""Stops runs that fall behind, with Ray Tune's asynchronous successive halving on the metric of each epoch."""

from types import SimpleNamespace

from ray.tune.schedulers import AsyncHyperBandScheduler

from grid_search.plan import Plan
from grid_search.run_progress import Progress

FIRST_RUNG = 1 / 16  # fraction of all epochs; the warm-up of the learning rate, 1 / 20 of the epochs, is then over
REDUCTION = 2  # at every rung (1/16, 1/8, 1/4, 1/2 of the epochs), the better half continues


class Pruner:
    """Asynchronous successive halving (Li et al., A System for Massively Parallel Hyperparameter Tuning, 2020).

    When a run reaches a rung, it continues unless it is worse than the median of the runs that reached this rung
    before it.
    """

    def __init__(self, plan: Plan, active: bool):
        """`active`: whether to stop runs. pruned.txt in the grid's folder lists the stopped runs."""
        self._plan, self._active = plan, active
        self._note = plan.folder / "pruned.txt"
        self._scheduler = None
        self._seen: dict[int, int] = {}

    def behind(self, progress: Progress) -> bool:
        """Whether a run should stop, judged by its epochs since the last call for this run."""
        rows, metric, index = progress.rows, self._plan.metric, progress.run.index
        trial = SimpleNamespace(trial_id=str(index))
        if not self._active or not rows or metric not in rows[-1]:
            return False
        if self._scheduler is None:
            self._scheduler = AsyncHyperBandScheduler(
                time_attr="epoch",
                metric=metric,
                mode="min" if self._plan.lower_is_better else "max",
                max_t=max(2, progress.epochs),
                grace_period=max(1, round(progress.epochs * FIRST_RUNG)),
                reduction_factor=REDUCTION,
                stop_last_trials=False,
            )
        if index not in self._seen:
            self._scheduler.on_trial_add(None, trial)
        told = [{"epoch": int(row["epoch"]), metric: row[metric]} for row in rows[self._seen.get(index, 0) :]]
        stop = "STOP" in [self._scheduler.on_trial_result(None, trial, result) for result in told]
        self._seen[index] = len(rows)
        return stop and len(rows) < progress.epochs

    def remember(self, index: int) -> None:
        """Records in pruned.txt that a run was stopped."""
        with self._note.open("a") as file:
            file.write(f"{index}\n")

    def remembers(self, index: int) -> bool:
        """Whether pruning is active and this run was pruned before the grid was resumed."""
        return self._active and self._note.exists() and str(index) in self._note.read_text().split()
