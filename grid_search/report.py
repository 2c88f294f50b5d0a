"""Writes the overview of a grid from its folders: grid.csv, the ranking, a picture and an HTML page."""

import csv

from common.atomic_files import replacing, write_text
from common.cli import launch
from common.cli.launch import ROOT
from common.runs.page import write_page
from grid_search.plan import Plan
from grid_search.plots import draw_grid
from grid_search.ranking import pareto_front, ranked, ranking, row
from grid_search.run_progress import Progress
from grid_search.seeds import by_setting

SHOWN = 15  # number of rows of the ranking that the terminal shows; ranking.txt and grid.csv list all runs


def write_report(plan: Plan, runs: list[Progress] | None = None) -> str:
    """Writes grid.csv, ranking.txt, grid.png and report.html into the grid's folder, even while the grid runs.

    runs: the progress of all runs; by default, it is read from their folders. Returns the top of the ranking and the
    paths of the files as text.
    """
    runs = runs or [Progress.on_disk(plan, run) for run in plan.runs]
    rows = ranked(plan, [row(plan, progress) for progress in runs])
    _write_csv(plan, rows)
    plan, rows, words = by_setting(plan, rows)
    rows = ranked(plan, rows)
    lines = ranking(plan, rows)
    write_text(plan.folder / "ranking.txt", "\n".join(lines) + "\n")
    numbered = sum(row["quality"] is not None for row in rows)
    shown = lines[: 1 + min(SHOWN, numbered)]
    if numbered > SHOWN:
        shown.append(f"... and {numbered - SHOWN} more in ranking.txt")
    if numbered < len(rows):
        shown.append(f"not ranked yet: {len(rows) - numbered} (no {plan.metric})")
    shown += ["", words]
    page = [f"# {plan.name}", words, "## Ranking", _block(lines)]
    judged = [row for row in rows if row["quality"] is not None and "multiply_accumulates" in row]
    if judged:
        draw_grid(plan.folder / "grid.png", plan, judged)
        best = [
            f"  {row['multiply_accumulates']:>9,} MACs  {plan.metric} {row['quality']:<10.5g} {row['label']}"
            for row in pareto_front(judged, "multiply_accumulates", plan.lower_is_better)
        ] + _export_command(plan, rows)
        shown += ["", "best quality for each number of multiply-accumulates (the Pareto front):", *best]
        page += [
            "![quality against cost](grid.png)",
            "## Best quality for each number of multiply-accumulates",
            _block(best),
        ]
    write_page(plan.folder / "report.html", "\n\n".join(page))
    return "\n".join([*shown, f"overview: {plan.folder}/report.html, grid.csv, ranking.txt, grid.png"])


def _block(lines: list[str]) -> str:
    """Returns a Markdown code block, which keeps the columns aligned and shows any content unchanged."""
    return "\n".join(f"    {line}" for line in lines)


def _write_csv(plan: Plan, rows: list[dict]) -> None:
    names = dict.fromkeys(name for row in rows for name in row if name not in ("label", "quality"))
    with replacing(plan.folder / "grid.csv") as new, new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["place", *names], extrasaction="ignore")
        writer.writeheader()
        writer.writerows({"place": place} | row for place, row in enumerate(rows, 1))


def _export_command(plan: Plan, rows: list[dict]) -> list[str]:
    """Returns a list with the command that exports the best finished run.

    The list is empty if no run has finished, or if the project has no export.py.
    """
    finished = [row for row in rows if row["status"] == "finished"]
    script = f"{plan.module.rpartition('.')[0]}/export.py"
    if not finished or not (ROOT / script).is_file():
        return []
    folder = launch.shortest(plan.folder.parent / finished[0]["folder"])
    return [f"export the best run in every format: {launch.command(script, folder)}"]
