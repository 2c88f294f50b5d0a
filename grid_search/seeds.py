"""Combines runs that differ only in the seed: means, confidence intervals, and which differences are significant."""

from dataclasses import replace

import numpy as np
from scipy.stats import studentized_range, t

from grid_search.plan import Plan, in_words

SEED = "seed"
CONFIDENCE = 0.95
SUMS = ("epochs", "wanted", "seconds")


def by_setting(plan: Plan, rows: list[dict]) -> tuple[Plan, list[dict], str]:
    """Returns the plan without its seeds, one row per setting, and a paragraph that explains the ranking.

    The plan and the rows are unchanged if the seed does not vary. If the seed varies, a metric in a row is the mean
    over the runs that have this metric; `epochs`, `wanted` and `seconds` are sums; `folder` is the folder of the best
    run. If all runs of a setting have finished, its row also has `low` and `high`, the confidence interval of the mean,
    and `tied`, which says whether the setting may be as good as the best one. The confidence interval is computed from
    the spread across the seeds in all settings.
    """
    if SEED not in plan.varies:
        words = "Every setting was trained with one seed, so small differences may be due to chance."
        return plan, rows, f"{words} `--seeds 3` trains every setting with three seeds."
    plan = replace(plan, varies={name: values for name, values in plan.varies.items() if name != SEED})
    groups: dict[tuple, list[dict]] = {}
    for row in sorted(rows, key=lambda row: row["index"]):
        groups.setdefault(tuple(row[name] for name in plan.varies), []).append(row)
    first = {runs[0]["index"] for runs in groups.values()}
    plan = replace(plan, runs=tuple(run for run in plan.runs if run.index in first))
    settings = [_setting(plan, runs) for runs in groups.values()]
    return plan, settings, _compare(plan, settings)


def _setting(plan: Plan, runs: list[dict]) -> dict:
    found = [run for run in runs if run["quality"] is not None]
    row = {name: value for name, value in runs[0].items() if name != SEED}
    for name in {name for run in runs for name in run} - {"index", SEED, *plan.varies}:
        known = [run[name] for run in runs if type(run.get(name)) in (int, float)]
        if known:
            row[name] = sum(known) if name in SUMS else known[0] if len(set(known)) == 1 else float(np.mean(known))
    done = sum(run["status"] == "finished" for run in runs)
    row["status"] = "finished" if done == len(runs) else f"{done} of {len(runs)}"
    row["rejected"] = " ".join(sorted({form for run in runs for form in run.get("rejected", "").split()}))
    row["label"] = in_words({name: row[name] for name in plan.varies}) or "the only setting"
    row["folder"] = plan.best(found, key=lambda run: run["quality"])["folder"] if found else ""
    return row | {"of_seeds": [run["quality"] for run in runs]}


def _compare(plan: Plan, settings: list[dict]) -> str:
    """Adds `low`, `high` and `tied` to the rows of settings; returns a paragraph that explains them."""
    whole = [row for row in settings if row["status"] == "finished" and None not in row["of_seeds"]]
    table = np.array([row["of_seeds"] for row in whole])
    if table.size and table.shape[1] > 1:
        count, seeds = table.shape
        error = np.sqrt(table.var(1, ddof=1).mean() / seeds)
        reach = float(t.ppf(0.5 + CONFIDENCE / 2, count * (seeds - 1)) * error)
        for row in whole:
            row |= {"low": row["quality"] - reach, "high": row["quality"] + reach}
    if len(table) < 2 or table.shape[1] < 2:
        return "Too few settings have finished all of their seeds, so differences cannot be told from chance yet."
    real, best = smallest_real_difference(table), plan.best(row["quality"] for row in whole)
    for row in whole:
        row["tied"] = abs(row["quality"] - best) <= real
    near = sum(row["tied"] for row in whole) - 1
    return (
        f"{plan.metric} is the mean over {seeds} seeds. Differences above {real:.3g} are unlikely to be "
        f"due to chance (Tukey's test, {CONFIDENCE * 100:.0f} % for all pairs together). "
        f"Worse than the best: {count - 1 - near} of {count} settings; maybe as good (marked =): {near}."
    )


def smallest_real_difference(table: np.ndarray) -> float:
    """Returns the smallest difference between two means that is statistically significant.

    The difference comes from Tukey's test, which compares all pairs of settings (Tukey 1949). The test treats each seed
    as a block, because the validation patches of some seeds are easier for all settings. The test assumes that the
    spread across the seeds is the same for all settings. table: the quality for each setting (row) and seed (column),
    at least two of each.
    """
    settings, seeds = table.shape
    left = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    freedom = (settings - 1) * (seeds - 1)
    return float(studentized_range.ppf(CONFIDENCE, settings, freedom) * np.sqrt(np.sum(left**2) / freedom / seeds))
