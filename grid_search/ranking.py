"""Builds a row of metrics for every run of a grid, ranks the rows, and finds the best quality for each cost."""

from contextlib import suppress

from grid_search.plan import Plan
from grid_search.run_progress import Progress

# The columns of the ranking in addition to its metric: key, title, format. A column is shown if at least one run has a
# value for it.
COLUMNS = (
    ("low", "95 % from", ".5g"),
    ("high", "to", ".5g"),
    ("val_auroc", "auroc", ".5g"),
    ("val_recall_at_fpr_0.01", "recall at 1 %", ".5g"),
    ("val_mean_iou", "mean_iou", ".5g"),
    ("parameters", "parameters", ","),
    ("multiply_accumulates", "MACs", ","),
    ("latency_us", "us/patch", ".2f"),
)


def row(plan: Plan, progress: Progress) -> dict:
    """Collects everything about one run in one row.

    Keys: index, label, status, the arrays, epochs, wanted (planned epochs), quality (the metric of the best epoch), the
    other validation metrics of that epoch, costs, rejected, seconds, folder, reason.
    """
    run, rows, model = progress.run, progress.rows, progress.model
    found = {"index": run.index, "label": run.label, "status": progress.status, **run.varies}
    found |= {"epochs": len(rows), "wanted": progress.epochs, "quality": progress.best(plan.metric)}
    found |= {name: progress.best(name) for line in rows[-1:] for name in line if name.startswith("val_")}
    found |= _costs(model)
    found["rejected"] = " ".join(sorted(name for name, form in _forms(model) if form.get("fit") is False))
    found["seconds"] = round(sum(line.get("epoch_seconds", 0) for line in rows), 1)
    return found | {"folder": progress.folder.name if progress.folder else "", "reason": progress.reason}


def ranked(plan: Plan, rows: list[dict]) -> list[dict]:
    """Sorts rows by quality, best first.

    Settings with unfinished seeds come after all other settings; rows without a value for the metric come last.
    """
    sign = 1 if plan.lower_is_better else -1

    def place(row):
        lacks = "of_seeds" in row and "low" not in row
        return row["quality"] is None, lacks, sign * (row["quality"] or 0), row["index"]

    return sorted(rows, key=place)


def ranking(plan: Plan, rows: list[dict]) -> list[str]:
    """Writes the rows as lines of text: rank, metric, cost, status, epochs, label, folder."""
    columns = [column for column in COLUMNS if column[0] != plan.metric and any(column[0] in row for row in rows)]
    columns.insert(0, ("quality", plan.metric, ".5g"))
    widths = [max(11, len(title)) + 1 for _, title, _ in columns]
    heading = "".join(f"{title:>{width}}" for (_, title, _), width in zip(columns, widths, strict=True))
    lines = [f"{'':4}{heading}  {'status':10}{'epochs':>10}  run"]
    for place, row in enumerate(rows, 1):
        number = f"{'=' if row.get('tied') and place > 1 else ''}{place}"
        texts = ["-" if row.get(name) is None else format(row[name], form) for name, _, form in columns]
        cells = "".join(f"{text:>{width}}" for text, width in zip(texts, widths, strict=True))
        epochs = f"{row['epochs']}/{row['wanted'] or '?'}"
        rejected = f"  REJECTED: {row['rejected']}" if row.get("rejected") else ""
        lines.append(f"{number:>4}{cells}  {row['status']:10}{epochs:>10}  {row['label']}{rejected}")
    return lines


def pareto_front(rows: list[dict], cost: str, lower_is_better: bool) -> list[dict]:
    """Returns the rows that no other row beats in quality at the same or a lower cost, cheapest first."""
    sign = 1 if lower_is_better else -1
    front: list[dict] = []
    for row in sorted((row for row in rows if cost in row), key=lambda row: (row[cost], sign * row["quality"])):
        if not front or sign * row["quality"] < sign * front[-1]["quality"]:
            front.append(row)
    return front


def _forms(model: dict) -> list[tuple[str, dict]]:
    """Returns the export formats in a run's model.json; the file may have been edited, so its structure is checked."""
    forms = model.get("forms")
    return [(name, form) for name, form in forms.items() if isinstance(form, dict)] if isinstance(forms, dict) else []


def _costs(model: dict) -> dict:
    """Returns the known costs: number of parameters, number of multiply-accumulates, latency.

    The latency is the median of the fastest accepted format. model.keras does not count, because most of its time is
    spent in Python.
    """
    found, times = model.get("cost"), []
    found = found if isinstance(found, dict) else {}
    names = ("parameters", "multiply_accumulates")
    costs = {name: found[name] for name in names if type(found.get(name)) is int and 0 < found[name] < 1 << 53}
    for name, form in _forms(model):
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            times += [float(form["latency_us"]["median"])] if name != "keras" and form.get("fit", True) else []
    times = [time for time in times if 0 < time < 1e9]
    return costs | ({"latency_us": min(times)} if times else {})
