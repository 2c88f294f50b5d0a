"""The picture of a grid: quality against cost with the Pareto front named, and what each array does."""

from pathlib import Path

from common.grid.plan import Plan
from common.grid.report import pareto_front
from common.pictures import ACCENT, INK, NO_BALL, WIDTH, figure, plain_log_axis

NAMED = 6  # labels of the front in one panel; more would cover one another
TITLES = {
    "parameters": "parameters",
    "multiply_accumulates": "multiply-accumulates per patch",
    "latency_us": "latency, microseconds per patch on the CPU that trained",
}


def draw_grid(path: Path, plan: Plan, rows: list[dict]) -> None:
    """Draws quality against every cost that is known, then the quality at each value of each array.

    Args:
        path: the PNG.
        plan: the grid.
        rows: of `report.row`, each with `quality` and costs.
    """
    costs = [cost for cost in TITLES if sum(cost in row for row in rows) > 1]
    arrays = list(plan.varies)
    panels = len(costs) + -(-len(arrays) // 2)
    with figure(path, WIDTH * 1.35, 1.0 + 4.2 * len(costs) + 3.4 * (panels - len(costs))) as drawing:
        best = min if plan.lower_is_better else max
        top = best(rows, key=lambda row: row["quality"])
        title = f"{plan.name}: {len(rows)} of {len(plan.trainings)} trainings, best {plan.metric} {top['quality']:.4g}"
        drawing.suptitle(title, x=0.012, ha="left", weight="bold", fontsize=15)
        heights = [4.2] * len(costs) + [3.4] * (panels - len(costs))
        layout = drawing.add_gridspec(panels, 2, height_ratios=heights)
        for i, cost in enumerate(costs):
            _cost_panel(drawing.add_subplot(layout[i, :]), plan, rows, cost)
        for i, name in enumerate(arrays):
            _array_panel(drawing.add_subplot(layout[len(costs) + i // 2, i % 2]), plan, rows, name)


def _cost_panel(axes, plan: Plan, rows: list[dict], cost: str) -> None:
    front = pareto_front(rows, cost, plan.lower_is_better)
    whole = [row for row in rows if row["status"] == "finished"]
    for group, label, look in (
        (
            [row for row in rows if row not in whole],
            "not trained to the end",
            {"facecolor": "none", "edgecolor": NO_BALL},
        ),
        (whole, "trained to the end", {"color": NO_BALL}),
    ):
        if group:
            axes.scatter(
                [r[cost] for r in group if cost in r],
                [r["quality"] for r in group if cost in r],
                36,
                label=label,
                **look,
            )
    axes.plot(
        [r[cost] for r in front], [r["quality"] for r in front], "o-", color=ACCENT, label="Pareto front", zorder=3
    )
    axes.set(xlabel=TITLES[cost], ylabel=plan.metric)
    plain_log_axis(axes.xaxis)
    _quality_axis(axes, plan, rows)
    step = max(1, -(-len(front) // NAMED))
    below = -1 if plan.lower_is_better else 1
    for row in front[::-1][::step]:  # the best one always has its name
        axes.annotate(
            row["label"].replace(", ", "\n"),
            (row[cost], row["quality"]),
            xytext=(0, 9 * below),
            textcoords="offset points",
            ha="center",
            va="top" if below < 0 else "bottom",
            fontsize=8.5,
            color=INK,
        )
    axes.margins(x=0.12, y=0.3)
    axes.legend(loc="upper right" if plan.lower_is_better else "lower right", fontsize=11)


def _array_panel(axes, plan: Plan, rows: list[dict], name: str) -> None:
    """Every training as a dot at its value, the median as a bar."""
    import numpy as np

    values = plan.varies[name]
    for i, value in enumerate(values):
        found = np.array([row["quality"] for row in rows if row[name] == value])
        if len(found):
            axes.scatter(i + np.linspace(-0.2, 0.2, len(found)), found, 22, color=NO_BALL, alpha=0.75)
            axes.hlines(np.median(found), i - 0.32, i + 0.32, color=ACCENT, linewidth=3)
    axes.set_xticks(range(len(values)), values, fontsize=11)
    axes.set(title=f"{name} (bar: median)", ylabel=plan.metric, xlim=(-0.5, len(values) - 0.5))
    _quality_axis(axes, plan, rows)


def _quality_axis(axes, plan: Plan, rows: list[dict]) -> None:
    if plan.lower_is_better and min(row["quality"] for row in rows) > 0:
        plain_log_axis(axes.yaxis)
