"""The overview of a grid from what lies in its folders: grid.csv, the ranking, the picture."""

import csv
from collections.abc import Mapping
from contextlib import suppress

from common.files import replacing
from common.grid import folders
from common.grid.plan import Plan

SHOWN = 15  # rows of the ranking in the terminal; ranking.txt and grid.csv have all
MORE = ("val_auroc", "val_recall_at_fpr_0.01", "val_mean_iou")  # beside the metric that ranks, where there are such
SHORT = {"val_recall_at_fpr_0.01": "recall@1%fpr"}
COSTS = ("parameters", "multiply_accumulates", "latency_us")


def write_report(plan: Plan, ends: Mapping[int, tuple[str, str]] = {}) -> str:
    """Writes grid.csv, ranking.txt and grid.png into the grid's folder, running grids included.

    Args:
        plan: the grid.
        ends: index -> (status, reason), where the driver knows more than the folders do.

    Returns:
        The best of the ranking, what failed, and where the files lie, as text.
    """
    rows = ranked(plan, [row(plan, training, *ends.get(training.index, ("", ""))) for training in plan.trainings])
    _write_csv(plan, rows)
    lines = ranking(plan, rows)
    with replacing(plan.folder / "ranking.txt") as new:
        new.write_text("\n".join(lines) + "\n", encoding="utf-8")
    numbered = sum(row["quality"] is not None for row in rows)
    shown = lines[: 1 + min(SHOWN, numbered)]
    if numbered > SHOWN:
        shown += [f"... and {numbered - SHOWN} more in ranking.txt"]
    if numbered < len(rows):
        shown += [f"{len(rows) - numbered} without a number yet"]
    judged = [row for row in rows if row.get("quality") is not None and "multiply_accumulates" in row]
    if judged:
        from common.grid.pictures import draw_grid

        draw_grid(plan.folder / "grid.png", plan, judged)
        front = pareto_front(judged, "multiply_accumulates", plan.lower_is_better)
        shown += ["", "best for their multiply-accumulates (the Pareto front):"]
        shown += [
            f"  {row['multiply_accumulates']:>9,} MACs  {plan.metric} {row['quality']:<10.5g} {row['label']}"
            for row in front
        ]
        shown += [f"every deployable form of the best: {_export_command(plan, rows[0])}"]
    return "\n".join([*shown, f"overview: {plan.folder}/grid.csv, ranking.txt, grid.png"])


def row(plan: Plan, training, status: str = "", reason: str = "") -> dict:
    """Everything about one training on one line.

    Keys: index, label, status, the arrays, epochs, wanted, quality (the metric of the kept epoch), the other
    validation metrics of that epoch, costs, seconds, folder, reason.
    """
    state = folders.read_state(plan, training)
    if not status:
        status = {"waiting": "waiting", "finished": "finished"}.get(state.status) or _begun(state.folder)
    found = {"index": training.index, "label": training.label, "status": status, **training.varies}
    found |= {"epochs": len(state.rows), "wanted": state.epochs, "quality": state.best(plan.metric)}
    for name in state.rows[-1] if state.rows else ():
        if name.startswith("val_"):
            found[name] = state.best(name)
    found |= _costs(state.model or {})
    found["seconds"] = round(sum(line.get("epoch_seconds", 0) for line in state.rows), 1)
    return found | {"folder": state.folder.name if state.folder else "", "reason": reason}


def ranked(plan: Plan, rows: list[dict]) -> list[dict]:
    """Best first; what has no number yet comes last."""
    sign = 1 if plan.lower_is_better else -1
    return sorted(rows, key=lambda row: (row["quality"] is None, sign * (row["quality"] or 0), row["index"]))


def ranking(plan: Plan, rows: list[dict]) -> list[str]:
    """The rows as lines of text: place, metric, cost, status, epochs, what it is, its folder."""
    columns = [(name, SHORT.get(name, name.removeprefix("val_")), ".5g") for name in MORE if name != plan.metric]
    columns += [
        ("parameters", "parameters", ","),
        ("multiply_accumulates", "MACs", ","),
        ("latency_us", "us/patch", ".2f"),
    ]
    columns = [column for column in columns if any(column[0] in row for row in rows)]
    columns = [("quality", plan.metric, ".5g"), *columns]
    widths = [max(11, len(title)) + 1 for _, title, _ in columns]
    heading = "".join(f"{title:>{width}}" for (_, title, _), width in zip(columns, widths, strict=True))
    lines = [f"{'':3}{heading}  {'status':10}{'epochs':>10}  training"]
    for place, row in enumerate(rows, 1):
        cells = "".join(_cell(row, name, width, form) for (name, _, form), width in zip(columns, widths, strict=True))
        epochs = f"{row['epochs']}/{row['wanted'] or '?'}"
        lines.append(f"{place:>3}{cells}  {row['status']:10}{epochs:>10}  {row['label']}")
    return lines


def pareto_front(rows: list[dict], cost: str, lower_is_better: bool) -> list[dict]:
    """The rows that no other beats in quality at the same cost or less, cheapest first."""
    sign = 1 if lower_is_better else -1
    front: list[dict] = []
    for row in sorted((row for row in rows if cost in row), key=lambda row: (row[cost], sign * row["quality"])):
        if not front or sign * row["quality"] < sign * front[-1]["quality"]:
            front.append(row)
    return front


def _begun(folder) -> str:
    from common.tracking import journal

    return "running" if journal.is_alive(folder) else "stopped"


def _costs(model: dict) -> dict:
    """Parameters, multiply-accumulates, and the fastest fit form's median latency where it was measured."""
    costs = {name: model["cost"][name] for name in COSTS[:2] if name in model.get("cost", {})}
    times = []
    for form in model.get("forms", {}).values():
        with suppress(KeyError, TypeError):
            times += [form["latency_us"]["median"]] if form.get("fit", True) else []
    return costs | ({"latency_us": min(times)} if times else {})


def _write_csv(plan: Plan, rows: list[dict]) -> None:
    names = dict.fromkeys(name for row in rows for name in row if name not in ("label", "quality"))
    with replacing(plan.folder / "grid.csv") as new, new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["place", *names], extrasaction="ignore")
        writer.writeheader()
        for place, row in enumerate(rows, 1):
            writer.writerow({"place": place} | row)


def _cell(row: dict, name: str, width: int, form: str) -> str:
    value = row.get(name)
    return f"{'-' if value is None else format(value, form):>{width}}"


def _export_command(plan: Plan, best: dict) -> str:
    return f"python -m {plan.module} --resume {plan.folder.parent / best['folder']} --export all"
