"""Draws the chart of a comparison: differences with intervals, and fixed and broken patches by group."""

import textwrap
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from common.runs import plots

GROUPS = 8  # maximum number of bars per kind of group (recording, camera, ...)


def draw(path: Path, measures, numbers: list[dict], rows: list[dict], title: str, names: tuple[str, str]) -> None:
    """Draws the chart for two models.

    Args:
        measures: the metrics of the comparison.
        numbers: the result of `differences`, one entry per metric.
        rows: the result of `group_rows`.
        title: the result of `sentence`.
        names: the names of both models.
    """
    bars = _bars(rows)
    heights = [*[0.85] * len(numbers), 0.7 + 0.26 * len(bars)]
    with plots.figure(path, height=1.0 + sum(heights)) as drawing:
        drawing.suptitle(textwrap.fill(title, 60), x=0.012, ha="left", weight="bold", fontsize=14)
        *strips, below = drawing.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        for axes, measure, row in zip(strips, measures, numbers, strict=False):
            _strip(axes, measure, row, names)
        _changes(below, bars, names)


def _strip(axes, measure, row: dict, names: tuple[str, str]) -> None:
    """Draws a difference with its interval, in colour if the interval does not contain 0."""
    low, value, high = (end * measure.scale for end in (row["interval"][0], row["difference"], row["interval"][1]))
    colour = {"better": plots.BALL, "worse": plots.NO_BALL, "none": plots.INK}[row["verdict"]]
    axes.plot([low, high], [0, 0], color=colour, linewidth=4, solid_capstyle="round")
    axes.plot(value, 0, "o", color=colour, markersize=9)
    axes.axvline(0, color=plots.INK, linewidth=1, linestyle=":")
    reach = 1.25 * max(abs(low), abs(high), abs(value), 10.0**-measure.digits)
    axes.set(xlim=(-reach, reach))
    axes.set_yticks([0], [textwrap.fill(measure.label, 24)], fontsize=11)
    axes.spines["left"].set_visible(False)
    axes.grid(False)
    values = ", ".join(f"{name} {measure.shown(row[key])}" for key, name in zip("AB", names, strict=True))
    axes.set_title(f"{values}; {names[1]} - {names[0]}:", fontsize=11)
    axes.tick_params(labelsize=10)
    axes.xaxis.set_major_locator(MaxNLocator(5))


def _bars(rows: list[dict]) -> list[dict]:
    """Chooses at most GROUPS rows of each kind; the chosen recordings are those with the most changed patches."""
    bars = []
    for group in dict.fromkeys(row["group"] for row in rows):
        members = [row for row in rows if row["group"] == group]
        changed = sorted(members, key=lambda row: -row["fixed"] - row["broken"])[:GROUPS]
        bars += changed if group == "recording" else members[:GROUPS]
    return bars


def _changes(axes, bars: list[dict], names: tuple[str, str]) -> None:
    """Draws two bars per group: fixed patches to the right, and broken patches to the left."""
    places = range(len(bars))
    axes.barh(places, [row["fixed"] for row in bars], color=plots.BALL, label=f"fixed by {names[1]}")
    axes.barh(places, [-row["broken"] for row in bars], color=plots.NO_BALL, label=f"broken by {names[1]}")
    most = max([1, *(max(row["fixed"], row["broken"]) for row in bars)])
    for place, row in zip(places, bars, strict=True):
        for value, sign, side in ((row["fixed"], 1, "left"), (row["broken"], -1, "right")):
            axes.text(sign * (value + 0.02 * most), place, str(value), ha=side, va="center", fontsize=9)
    labels = [f"{plots.shortened(row['name'], 26)} ({row['patches']})" for row in bars]
    axes.set_yticks(list(places), labels, fontsize=10)
    axes.invert_yaxis()
    axes.axvline(0, color=plots.INK, linewidth=1)
    axes.set(xlim=(-1.2 * most, 1.2 * most), xticks=[], xlabel="patches")
    axes.set_title("Changed patches (of all in the group)", fontsize=12)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.04), ncols=2)
