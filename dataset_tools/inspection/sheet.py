"""Draws a picture of a patch file: a contact sheet with its flawed patches, and plots of labels and brightness."""

from contextlib import closing
from pathlib import Path

import numpy as np
from matplotlib.patches import Circle, Rectangle

from common.datasets.patch_checks import open_file
from common.datasets.streaming import StoredPixels
from common.runs import plots
from dataset_tools.inspection.file_statistics import BLURRED_BELOW, SATURATED_SHARE, Statistics, group_table

COLUMNS = 20  # maximum number of patches in a row of the contact sheet
GROUPS_MAX = 40  # maximum number of bars in the plot of recordings


def draw(statistics: Statistics, path: Path, seed: int = 0) -> None:
    """Draws the picture of a patch file and writes it as a PNG.

    Args:
        statistics: the file's statistics.
        path: the PNG file to write.
        seed: seed for choosing the patches.
    """
    rows = _choose(statistics, np.random.default_rng(seed))
    with plots.figure(path, 13.0, 6.2 + 0.72 * len(rows) + 0.6) as drawing:
        drawing.suptitle(_title(statistics), x=0.01, ha="left", weight="bold", fontsize=13)
        sheet, below = drawing.subfigures(2, 1, height_ratios=[0.72 * len(rows) + 0.3, 6.2])
        for axes, (name, indices) in zip(sheet.subplots(len(rows), 1, squeeze=False)[:, 0], rows, strict=True):
            _strip(axes, statistics, name, indices)
        panels = below.subplots(2, 2)
        _labels(panels[0, 0], statistics)
        _brightness(panels[0, 1], statistics)
        _groups(panels[1, 0], statistics)
        _sharpness(panels[1, 1], statistics)


def _title(statistics: Statistics) -> str:
    shape = "x".join(str(size) for size in statistics.shape[1:])
    return f"{statistics.path.name}\n{len(statistics.y)} patches {shape}, {int(statistics.balls.sum())} balls"


def _choose(statistics: Statistics, generator: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """Chooses the rows of the contact sheet: the name of each row, and the ascending indices of its patches."""

    def some(name: str, mask: np.ndarray, strips: int = 1) -> list[tuple[str, np.ndarray]]:
        """Chooses patches at random, each at most once, and puts them into strips in the order of the file."""
        found = np.flatnonzero(mask)
        chosen = np.sort(generator.choice(found, min(strips * COLUMNS, len(found)), replace=False))
        return [(name, chosen[start : start + COLUMNS]) for start in range(0, len(chosen), COLUMNS)]

    balls = statistics.balls
    return [
        *some("balls", balls, 2 if (~balls).any() else 4),
        *some("no ball", ~balls, 2),
        *some("blurred", statistics.blurred),
        *some("saturated", statistics.saturated >= SATURATED_SHARE),
        *some("repeated", statistics.repeated),
    ]


def _strip(axes, statistics: Statistics, name: str, indices: np.ndarray) -> None:
    """Draws a row of patches side by side, with detection labels as circles."""
    with closing(open_file(statistics.path)) as file:
        X = StoredPixels([file])[indices]
    side = X.shape[1]
    step = side + 1
    strip = np.full((side, COLUMNS * step, 3), 255, np.uint8)
    for place, image in enumerate(plots.as_rgb(X)):
        strip[:, place * step : place * step + side] = image
    axes.imshow(strip, interpolation="nearest", aspect="equal")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.grid(False)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=11)
    if statistics.task == "detection":
        for place, (radius, x, y) in enumerate(statistics.y[indices] * side):
            centre = (place * step + x - 0.5, y - 0.5)  # pixel k covers k - 0.5 .. k + 0.5 in imshow's coordinates
            circle = axes.add_patch(Circle(centre, radius, fill=False, color=plots.ACCENT, linewidth=1))
            patch = Rectangle((place * step - 0.5, -0.5), side, side, transform=axes.transData)
            circle.set_clip_path(patch)  # so that the circle of a cut-off ball does not extend into the next patch


def _labels(axes, statistics: Statistics) -> None:
    if statistics.task == "detection":
        for column, (name, colour) in enumerate(
            (("radius", plots.INK), ("centre x", plots.BALL), ("centre y", plots.NO_BALL))
        ):
            values = statistics.y[:, column]
            axes.hist(values, bins=np.linspace(-0.1, 1.1, 61), histtype="step", linewidth=2, color=colour, label=name)
        axes.set(title="labels", xlabel="fraction of the patch")
        axes.legend()
        return
    numbers = [int(statistics.balls.sum()), int((~statistics.balls).sum())]
    bars = axes.barh(["ball", "no ball"], numbers, color=[plots.BALL, plots.NO_BALL])
    axes.bar_label(bars, padding=4)
    axes.set(title="labels", xlabel="patches", xlim=(0, 1.2 * max(numbers)))


def _brightness(axes, statistics: Statistics) -> None:
    balls = statistics.balls
    for name, mask, colour in (("ball", balls, plots.BALL), ("no ball", ~balls, plots.NO_BALL)):
        if mask.any():
            values = statistics.brightness[mask]
            axes.hist(values, bins=np.arange(0, 257, 8), density=True, alpha=0.6, color=colour, label=name)
    axes.set(title="mean brightness", xlabel="grey level", yticks=[])
    axes.legend()


def _groups(axes, statistics: Statistics) -> None:
    key = next((key for key in ("recording", "camera", "origin") if key in statistics.groups), None)
    if key is None:
        axes.text(0.5, 0.5, "no recordings in this file", ha="center", va="center")
        axes.set_axis_off()
        return
    rows = group_table(statistics, key)
    shown = rows[:GROUPS_MAX]
    places = np.arange(len(shown))
    balls = np.array([row[2] for row in shown])
    axes.bar(places, balls, color=plots.BALL, label="ball")
    axes.bar(places, np.array([row[1] for row in shown]) - balls, bottom=balls, color=plots.NO_BALL, label="no ball")
    names = [plots.shortened(row[0] or "none") for row in shown]
    axes.set_xticks(places, names, rotation=90, fontsize=7 if len(shown) > 12 else 10)
    more = f", the largest {GROUPS_MAX} of {len(rows)}" if len(rows) > GROUPS_MAX else ""
    axes.set(title=f"patches per {key}{more}", ylabel="patches")


def _sharpness(axes, statistics: Statistics) -> None:
    axes.hist(statistics.sharpness, bins=np.linspace(0, 1, 51), color=plots.INK, alpha=0.7)
    axes.axvline(BLURRED_BELOW, color=plots.ACCENT, linestyle="--", label="blurred below")
    axes.legend()
    blurred = int(statistics.blurred.sum())
    axes.set(title=f"sharpness ({blurred} blurred)", xlabel="variance of the Laplacian, 1 for noise", ylabel="patches")
