"""Combines runs that differ only in the seed: the mean, its interval, and which differences are not chance."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy.stats import studentized_range, t

from grid_search.plan import Plan

SEED = "seed"
CONFIDENCE = 0.95


def by_setting(plan: Plan, rows: list[dict]) -> tuple[Plan, list[dict]]:
    """The plan without its seeds, and one row per setting; both are unchanged if the seed does not vary.

    Numbers become the mean over the runs that have them; `epochs`, `wanted` and `seconds` become the sum; `folder` is
    that of the best run. `low` and `high` are the interval of the mean, from the spread over the seeds of all settings;
    only settings whose runs have all finished have them.
    """
    if SEED not in plan.varies:
        return plan, rows
    varies = {name: values for name, values in plan.varies.items() if name != SEED}
    groups: dict[tuple, list[dict]] = {}
    for row in sorted(rows, key=lambda row: row["index"]):
        groups.setdefault(tuple(row[name] for name in varies), []).append(row)
    first = {runs[0]["index"] for runs in groups.values()}
    told = [_setting(plan, varies, runs) for runs in groups.values()]
    runs = tuple(one for one in plan.runs if one.index in first)
    whole = _table(told)
    if whole.size and len(whole[0]) > 1:
        freedom = len(whole) * (len(whole[0]) - 1)
        spread = np.sum((whole - whole.mean(1, keepdims=True)) ** 2) / freedom
        reach = float(t.ppf(0.5 + CONFIDENCE / 2, freedom) * np.sqrt(spread / len(whole[0])))
        for row in told:
            if row["status"] == "finished":
                row |= {"low": row["quality"] - reach, "high": row["quality"] + reach}
    return replace(plan, varies=varies, runs=runs), told


def _setting(plan: Plan, varies: dict, runs: list[dict]) -> dict:
    best = min if plan.lower_is_better else max
    found = [run for run in runs if run["quality"] is not None]
    row = {name: value for name, value in runs[0].items() if name != SEED}
    for name in {name for run in runs for name in run} - {"index", SEED, *varies}:
        known = [run[name] for run in runs if type(run.get(name)) in (int, float)]
        if known and name in ("epochs", "wanted", "seconds"):
            row[name] = sum(known)
        elif known:
            row[name] = known[0] if len(set(known)) == 1 else float(np.mean(known))
    done = [run["status"] == "finished" for run in runs]
    row["status"] = "finished" if all(done) else f"{sum(done)} of {len(done)}"
    row["rejected"] = " ".join(sorted({form for run in runs for form in run.get("rejected", "").split()}))
    row["label"] = ", ".join(f"{name} {row[name]}" for name in varies) or "the only setting"
    row["folder"] = best(found, key=lambda run: run["quality"])["folder"] if found else ""
    return row | {"of_seeds": [run["quality"] for run in runs]}


def _table(rows: list[dict]) -> np.ndarray:
    """Quality by setting and seed, for the settings whose runs have all finished."""
    return np.array([row["of_seeds"] for row in rows if row["status"] == "finished" and None not in row["of_seeds"]])


def smallest_real_difference(rows: list[dict]) -> float | None:
    """How much two means have to differ to be more than chance; None with one seed or one setting.

    Tukey's test for all pairs together (Tukey 1949), with each seed as a block, because validation patches that the
    seed splits off are easier or harder for all settings. It assumes that the spread over seeds is the same everywhere.
    """
    table = _table(rows) if rows and "of_seeds" in rows[0] else np.zeros((0, 0))
    if len(table) < 2 or len(table[0]) < 2:
        return None
    settings, seeds = table.shape
    left = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    freedom = (settings - 1) * (seeds - 1)
    return float(_studentized_range(settings, freedom) * np.sqrt(np.sum(left**2) / freedom / seeds))


@lru_cache
def _studentized_range(settings: int, freedom: int) -> float:
    return studentized_range.ppf(CONFIDENCE, settings, freedom)  # takes a quarter of a second


def differences(plan: Plan, rows: list[dict]) -> str:
    """One paragraph that explains the ranking; the rows are sorted, the best first."""
    if not rows or "of_seeds" not in rows[0]:
        return "Every setting was trained with one seed, so close ranks are chance. `--seeds 3` trains each with three."
    real = smallest_real_difference(rows)
    if real is None:
        return "Too few settings are finished with all of their seeds to tell differences from chance."
    whole = [row for row in rows if "low" in row]
    near = sum(abs(row["quality"] - whole[0]["quality"]) <= real for row in whole[1:])
    return (
        f"{plan.metric} is the mean over {len(whole[0]['of_seeds'])} seeds. Differences above {real:.3g} are more than "
        f"chance (Tukey's test, {CONFIDENCE * 100:.0f} % for all pairs together). Of {len(whole)} settings "
        f"{len(whole) - 1 - near} are really behind the best; {near} may be as good (marked =)."
    )
