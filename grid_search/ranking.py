"""Makes a row of numbers per run of a grid, sorts the rows, and finds those that are best for their cost."""

from contextlib import suppress

from common.tracking import run_lock
from grid_search import run_folders
from grid_search.plan import Plan
from grid_search.seeds import smallest_real_difference

MORE = ("val_auroc", "val_recall_at_fpr_0.01", "val_mean_iou")  # shown in addition to the ranking metric, if they exist
SHORT = {"val_recall_at_fpr_0.01": "recall at 1 %"}
COSTS = ("parameters", "multiply_accumulates", "latency_us")


def row(plan: Plan, run, status: str = "", reason: str = "") -> dict:
    """Everything about one run in one row.

    Keys: index, label, status, the arrays, epochs, wanted, quality (the metric of the kept epoch), the other
    validation metrics of that epoch, costs, seconds, folder, reason.
    """
    state = run_folders.read_state(plan, run)
    if not status:
        status = {"waiting": "waiting", "finished": "finished"}.get(state.status) or _begun(state.folder)
    found = {"index": run.index, "label": run.label, "status": status, **run.varies}
    found |= {"epochs": len(state.rows), "wanted": state.epochs, "quality": state.best(plan.metric)}
    for name in state.rows[-1] if state.rows else ():
        if name.startswith("val_"):
            found[name] = state.best(name)
    found |= _costs(state.model or {})
    found["rejected"] = _rejected(state.model or {})
    found["seconds"] = round(sum(line.get("epoch_seconds", 0) for line in state.rows), 1)
    return found | {"folder": state.folder.name if state.folder else "", "reason": reason}


def ranked(plan: Plan, rows: list[dict]) -> list[dict]:
    """Sorts rows: the best first; at the end, settings that lack seeds, then those without a number."""
    sign = 1 if plan.lower_is_better else -1

    def place(row):
        lacks = "of_seeds" in row and "low" not in row
        return row["quality"] is None, lacks, sign * (row["quality"] or 0), row["index"]

    return sorted(rows, key=place)


def ranking(plan: Plan, rows: list[dict]) -> list[str]:
    """The rows as lines of text: place, metric, cost, status, epochs, label, folder."""
    columns = [(name, SHORT.get(name, name.removeprefix("val_")), ".5g") for name in MORE if name != plan.metric]
    columns += [
        ("parameters", "parameters", ","),
        ("multiply_accumulates", "MACs", ","),
        ("latency_us", "us/patch", ".2f"),
    ]
    columns = [column for column in columns if any(column[0] in row for row in rows)]
    interval = [("low", "95 % from", ".5g"), ("high", "to", ".5g")] if any("low" in row for row in rows) else []
    columns = [("quality", plan.metric, ".5g"), *interval, *columns]
    real = smallest_real_difference(rows)
    best = next((row["quality"] for row in rows if "low" in row), None)
    widths = [max(11, len(title)) + 1 for _, title, _ in columns]
    heading = "".join(f"{title:>{width}}" for (_, title, _), width in zip(columns, widths, strict=True))
    lines = [f"{'':4}{heading}  {'status':10}{'epochs':>10}  run"]
    for place, row in enumerate(rows, 1):
        tied = "low" in row and place > 1 and real is not None and abs(row["quality"] - best) <= real
        cells = "".join(_cell(row, name, width, form) for (name, _, form), width in zip(columns, widths, strict=True))
        epochs = f"{row['epochs']}/{row['wanted'] or '?'}"
        rejected = f"  REJECTED: {row['rejected']}" if row.get("rejected") else ""
        number = f"{'=' if tied else ''}{place}"
        lines.append(f"{number:>4}{cells}  {row['status']:10}{epochs:>10}  {row['label']}{rejected}")
    return lines


def pareto_front(rows: list[dict], cost: str, lower_is_better: bool) -> list[dict]:
    """The rows that no other row beats in quality at the same or a lower cost, cheapest first."""
    sign = 1 if lower_is_better else -1
    front: list[dict] = []
    for row in sorted((row for row in rows if cost in row), key=lambda row: (row[cost], sign * row["quality"])):
        if not front or sign * row["quality"] < sign * front[-1]["quality"]:
            front.append(row)
    return front


def _begun(folder) -> str:
    return "running" if run_lock.is_alive(folder) else "stopped"


def _rejected(model: dict) -> str:
    """The formats that were rejected, according to the run's model.json."""
    forms = model.get("forms")
    entries = forms.items() if isinstance(forms, dict) else ()
    return " ".join(
        sorted(str(name) for name, entry in entries if isinstance(entry, dict) and entry.get("fit") is False)
    )


def _costs(model: dict) -> dict:
    """Parameters, multiply-accumulates, and the median latency of the fastest accepted format, if it was measured."""
    found, times = model.get("cost"), []
    found = found if isinstance(found, dict) else {}
    costs = {name: found[name] for name in COSTS[:2] if type(found.get(name)) is int and 0 < found[name] < 1 << 53}
    with suppress(AttributeError):
        for form in model.get("forms", {}).values():
            with suppress(KeyError, TypeError, AttributeError):
                times += [float(form["latency_us"]["median"])] if form.get("fit", True) else []
    times = [time for time in times if 0 < time < 1e9]
    return costs | ({"latency_us": min(times)} if times else {})


def _cell(row: dict, name: str, width: int, form: str) -> str:
    value = row.get(name)
    return f"{'-' if value is None else format(value, form):>{width}}"
