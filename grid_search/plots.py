"""Draws the picture of a grid: quality against cost with a labelled Pareto front, and the effect of each array."""

import io
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from common.runs.plots import ACCENT, INK, NO_BALL, STYLE, WIDTH, figure, plain_log_axis
from grid_search.plan import Plan
from grid_search.ranking import pareto_front

NAMED = 20  # maximum number of runs in the list beside a panel; if a front has more runs, some are left out
CELL = 14  # maximum number of characters of a value in this list
TITLES = {
    "parameters": "parameters",
    "multiply_accumulates": "multiply-accumulates per patch",
    "latency_us": "latency, microseconds per patch on the CPU of the training machine",
}
HOLLOW = {"facecolor": "none", "edgecolor": NO_BALL}


def warm_up() -> None:
    """Loads the fonts and everything else that the first picture needs; call it once, before the process forks."""
    with matplotlib.rc_context(STYLE):
        drawing = Figure(layout="constrained")
        drawing.subplots().set(title="0.0", xlabel="0.0")
        drawing.savefig(io.BytesIO(), format="png")


def draw_grid(path: Path, plan: Plan, rows: list[dict]) -> None:
    """Draws one panel for each known cost and one for each array; the rows are made by `ranking.row`."""
    enough = min(2, len(plan.runs))  # a plot with a single dot is useless, unless there is only one run
    costs = [cost for cost in TITLES if sum(cost in row for row in rows) >= enough]
    arrays = list(plan.varies)
    kinds = [(costs, 1, 4.2, _cost_panel), (arrays, 2, 3.4, _array_panel)]
    parts = [(names, columns, -(-len(names) // columns), high, draw) for names, columns, high, draw in kinds if names]
    heights = [lines * high for _, _, lines, high, _ in parts]
    with figure(path, WIDTH * 1.5, 0.6 + sum(heights)) as drawing:
        top = plan.best(rows, key=lambda row: row["quality"])
        what = "settings" if "of_seeds" in top else "runs"
        title = f"{plan.name}: {len(rows)} of {len(plan.runs)} {what}, best {plan.metric} {top['quality']:.4g}"
        drawing.suptitle(title, x=0.012, ha="left", weight="bold", fontsize=15)
        boxes = drawing.subfigures(len(parts), 1, squeeze=False, height_ratios=heights)[:, 0]
        for box, (names, columns, lines, _, draw) in zip(boxes, parts, strict=True):
            panels = box.subplots(lines, columns, squeeze=False).ravel()
            for axes, name in zip(panels, names, strict=False):
                draw(axes, plan, [row for row in rows if name in row], name)
            for axes in panels[len(names) :]:
                axes.set_visible(False)


def _cost_panel(axes, plan: Plan, rows: list[dict], cost: str) -> None:
    """Draws every run as a dot, the front as a line with numbered points, and a list of these points beside it."""
    front = pareto_front(rows, cost, plan.lower_is_better)
    looks = ((False, "not trained to the end", HOLLOW), (True, "trained to the end", {"color": NO_BALL}))
    for whole, label, look in looks:
        group = [row for row in rows if (row["status"] == "finished") is whole]
        if group:
            axes.scatter([row[cost] for row in group], [row["quality"] for row in group], 36, label=label, **look)
    sure = [row for row in rows if "low" in row]
    axes.vlines(*([row[name] for row in sure] for name in (cost, "low", "high")), color=NO_BALL, alpha=0.5)
    line = [[row[cost] for row in front], [row["quality"] for row in front]]
    axes.plot(*line, "o-", color=ACCENT, label="Pareto front", zorder=3)
    axes.set(xlabel=TITLES[cost], ylabel=plan.metric)
    plain_log_axis(axes.xaxis)
    _quality_axis(axes, plan, rows)
    axes.margins(x=0.06, y=0.12)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=11, borderaxespad=0, handletextpad=0.3)
    named = front[::-1][:: max(1, -(-len(front) // NAMED))]  # every n-th run of the front, starting with the best
    below = plan.lower_is_better  # if True, the numbers go to the lower left of the points, where a front leaves space
    look = {"ha": "right", "va": "top" if below else "bottom", "fontsize": 10, "weight": "bold", "color": ACCENT}
    for number, row in enumerate(named, 1):
        place = {"xytext": (-4, -4 if below else 4), "textcoords": "offset points"}
        axes.annotate(str(number), (row[cost], row["quality"]), **place, **look)
    listed = front_list(plan, named)
    axes.text(1.02, 1, listed, transform=axes.transAxes, va="top", family="monospace", fontsize=8, color=INK)


def front_list(plan: Plan, front: list[dict]) -> str:
    """Writes the runs of a front as a table: number, quality, and the value of each array."""
    heading = ["", plan.metric.removeprefix("val_"), *plan.varies]
    lines = [[str(i), f"{row['quality']:.4g}", *(row[name] for name in plan.varies)] for i, row in enumerate(front, 1)]
    cells = [[cell if len(cell) <= CELL else f"{cell[: CELL - 1]}…" for cell in line] for line in [heading, *lines]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(heading))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)


def _array_panel(axes, plan: Plan, rows: list[dict], name: str) -> None:
    """Draws the runs as dots, grouped by their value in an array, and the median of each group as a bar."""
    values = plan.varies[name]
    for i, value in enumerate(values):
        found = np.array([row["quality"] for row in rows if row[name] == value])
        if len(found):
            axes.scatter(i + np.linspace(-0.25, 0.25, len(found) + 2)[1:-1], found, 22, color=NO_BALL, alpha=0.75)
            axes.hlines(np.median(found), i - 0.32, i + 0.32, color=ACCENT, linewidth=3)
    axes.set_xticks(range(len(values)), [value.split("/")[-1][-24:] for value in values], fontsize=10)
    axes.set(title=f"{name} (bar: median)", ylabel=plan.metric, xlim=(-0.5, len(values) - 0.5))
    _quality_axis(axes, plan, rows)


def _quality_axis(axes, plan: Plan, rows: list[dict]) -> None:
    if plan.lower_is_better and min(row["quality"] for row in rows) > 0:
        plain_log_axis(axes.yaxis)
