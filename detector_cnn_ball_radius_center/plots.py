"""Draws the detector's pictures: circles on patches, maps of the errors, and predicted against true values."""

from pathlib import Path

import numpy as np
from matplotlib.patches import Circle, Rectangle
from scipy.stats import binned_statistic_2d

from common.datasets.patch_file import Patches
from common.runs import plots
from common.runs.plots import ACCENT, BALL, INK, NO_BALL, shortened
from detector_cnn_ball_radius_center import metrics

SHOWN = 20  # patches per gallery
POINTS = 3000  # the maximum number of dots in a scatter plot; more dots would hide each other
TARGETS = ("radius", "x of the centre", "y of the centre")


def write_all(folder: Path, patches: Patches, circles, name: str = "") -> None:
    """Saves all pictures of a set of patches and their predicted circles, [n, 3], in an existing folder.

    `name` is `validation` or `test`, for the titles and as a prefix of the file names.
    """
    before = f"{name}_" if name else ""
    y, size, iou = patches.y, patches.X.shape[2], metrics.circle_iou(patches.y, circles)
    where = f" of {name}" if name else ""
    worst = np.argsort(iou, kind="stable")[:SHOWN]
    title = f"The {len(worst)} worst of {len(iou)} patches{where}"
    circle_gallery(folder / f"{before}worst.png", patches, circles, worst, title)
    drawn = np.random.default_rng(0).permutation(len(iou))[:SHOWN]
    title = f"{len(drawn)} random patches{where}; mean IoU of all: {iou.mean():.3f}"
    circle_gallery(folder / f"{before}random.png", patches, circles, drawn, title)
    error_maps(folder / f"{before}errors.png", y, circles, size, name)
    target_scatter(folder / f"{before}targets.png", y, circles, size, name)


def circle_gallery(path: Path, patches: Patches, circles, chosen, title: str) -> None:
    """Draws the chosen patches with true and predicted circles; IoU, centre error and index are below each patch."""
    y, iou = patches.y, metrics.circle_iou(patches.y, circles)
    error = metrics.center_errors(y, circles) * patches.X.shape[2]
    names = ["" if patches.recording is None else shortened(str(patches.recording[i]), 8) for i in chosen]
    captions = [f"{iou[i]:.2f}  {error[i]:.1f} px\n#{i} {name}" for i, name in zip(chosen, names, strict=True)]
    captions = plots.with_pictures(captions, patches, chosen)

    def overlay(axes, i, *place):
        draw_circle(axes, y[chosen[i]], place, BALL)
        draw_circle(axes, circles[chosen[i]], place, NO_BALL, "--")

    subtitle = "label: orange; predicted: blue; IoU, centre error, index, recording, picture"
    plots.gallery(path, patches.X[chosen], captions, title, subtitle, overlay=overlay)


def changed(path: Path, patches, answers, chosen: np.ndarray, title: str, subtitle: str) -> None:
    """Draws patches that only one of two models gets right, with both circles; the IoUs are below each patch."""
    a, b = (metrics.circle_iou(patches.y, circles) for circles in answers)
    captions = [f"{a[i]:.2f} > {b[i]:.2f}\n#{i}" for i in chosen]

    def overlay(axes, i, *place):
        draw_circle(axes, patches.y[chosen[i]], place, BALL)
        for circles, colour in zip(answers, (NO_BALL, ACCENT), strict=True):
            draw_circle(axes, circles[chosen[i]], place, colour, "--")

    subtitle += f"right: IoU above {metrics.IOU_LIMITS[1]:g}; label: orange, A: blue, the other model: purple"
    plots.gallery(path, patches.X[chosen], captions, title, subtitle, overlay=overlay)


def draw_target(axes, circle, left: float, top: float, side: float) -> None:
    """Draws the true circle of a patch on the sheet of augmented patches."""
    draw_circle(axes, circle, (left, top, side), BALL)


def draw_circle(axes, circle, place: tuple[float, float, float], colour: str, line: str = "-") -> None:
    """Draws a circle and its centre on one patch of a sheet, clipped to the patch; place: left, top, side."""
    left, top, side = place
    radius, x, y = (float(value) * side for value in circle)
    frame = Rectangle((left, top), side, side, transform=axes.transData)
    shape = Circle((left + x, top + y), max(radius, 0), fill=False, edgecolor=colour, linestyle=line, linewidth=1.8)
    axes.add_patch(shape)
    shape.set_clip_path(frame)
    (dot,) = axes.plot(left + x, top + y, "+", color=colour, markersize=8, markeredgewidth=1.6)
    dot.set_clip_path(frame)


def error_maps(path: Path, y, circles, size: int, name: str = "") -> None:
    """Plots the centre error against the radius, and the median centre error by true position in the patch."""
    y, error = np.asarray(y, float), metrics.center_errors(y, circles) * size
    where = f" on {name}" if name else ""
    with plots.figure(path, height=9.6) as drawing:
        upper, lower = drawing.subplots(2, height_ratios=(1, 1.3))
        upper.plot(y[:POINTS, 0], error[:POINTS], ".", color=NO_BALL, alpha=0.4, markersize=4)
        middles, medians = _running_median(y[:, 0], error)
        upper.plot(middles, medians, color=ACCENT, label="median")
        upper.set(xlabel="true radius, fraction of the patch", ylabel="distance between the centres, pixels")
        top = max(1e-6, 1.5 * np.percentile(error, 97))
        upper.set_ylim(0, top)
        beyond = f"\n({np.sum(error > top)} of {len(error)} above the edge)" if (error > top).any() else ""
        upper.set_title(f"Centre error{where}: median {np.median(error):.2f} px{beyond}")
        upper.legend(loc="upper right")
        cells, *edges, _ = binned_statistic_2d(y[:, 1], y[:, 2], error, "median", bins=9)
        cells[np.histogram2d(y[:, 1], y[:, 2], edges)[0] < 3] = np.nan
        drawn = lower.pcolormesh(*edges, cells.T, cmap="viridis")
        lower.set(
            xlabel="true x of the centre, fraction of the patch",
            ylabel="true y of the centre, fraction of the patch",
            aspect="equal",
        )
        lower.invert_yaxis()
        lower.set_title("Median error in pixels by position\n(white: fewer than three balls)")
        drawing.colorbar(drawn, ax=lower, shrink=0.85, label="median distance between the centres, pixels")


def _running_median(position: np.ndarray, value: np.ndarray, bins: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Returns the median position and the median value of the patches in bins with equal numbers of patches."""
    parts = [part for part in np.array_split(np.argsort(position, kind="stable"), bins) if len(part)]
    return np.array([np.median(position[p]) for p in parts]), np.array([np.median(value[p]) for p in parts])


def target_scatter(path: Path, y, circles, size: int, name: str = "") -> None:
    """Plots predicted against true values; a slope below one means that the predictions tend towards the mean."""
    y, circles = np.asarray(y, float), np.asarray(circles, float)
    with plots.figure(path, height=7.6) as drawing:
        panels = drawing.subplots(2, 2).ravel()
        for i, (axes, what) in enumerate(zip(panels[:3], TARGETS, strict=True)):
            true, predicted = y[:, i], circles[:, i]
            low, high = np.percentile(np.concatenate([true, predicted]), (0.1, 99.9)) + np.array([-0.02, 0.02])
            axes.plot(true[:POINTS], predicted[:POINTS], ".", color=NO_BALL, alpha=0.4, markersize=4)
            axes.plot([low, high], [low, high], color=INK, linewidth=1, label="ideal")
            axes.plot(*_running_median(true, predicted), color=ACCENT, label="median")
            slope = np.cov(true, predicted, bias=True)[0, 1] / max(true.var(), 1e-12)
            bias = (predicted - true).mean() * size
            axes.set_title(f"{what}\nslope {slope:.2f}, bias {bias:+.2f} px", fontsize=12)
            axes.set(
                xlim=(low, high),
                ylim=(low, high),
                aspect="equal",
                xlabel="true, fraction of the patch",
                ylabel="predicted, fraction of the patch",
            )
        panels[3].axis("off")
        panels[3].legend(*axes.get_legend_handles_labels(), loc="center left")
        where = f", {name}" if name else ""
        drawing.suptitle(f"Predicted against true{where}", x=0.02, ha="left", weight="bold", fontsize=16)


def operating_points(path: Path, curve: dict, numbers: dict, threshold: float) -> None:
    """Plots how many balls are detected, in total and with enough overlap, against false positives.

    The values at the chosen threshold are marked.

    Args:
        curve: `together_metrics.operating_curve`.
        numbers: `together_metrics.evaluate` at the threshold.
    """
    alarms = curve["false_positives_per_1000"]
    left = max(0.5 * alarms[alarms > 0].min(initial=1000), 1e-3)  # a logarithmic axis cannot show zero false positives
    place = max(numbers["false_positives_per_1000"], left)
    with plots.figure(path, height=5.6) as drawing:
        axes, low = drawing.subplots(), 1.0
        for key, label, colour, width in (
            ("detection_rate", "detected", NO_BALL, 5),
            ("detection_rate_iou_0.5", "detected, IoU above 0.5", BALL, 2.5),
            ("detection_rate_iou_0.75", "detected, IoU above 0.75", INK, 2),
        ):
            axes.plot(np.maximum(alarms, left), curve[key], color=colour, label=label, linewidth=width)
            axes.plot(place, numbers[key], "o", color=ACCENT, markersize=9, zorder=5, clip_on=False)
            low = min(low, numbers[key], curve[key][alarms > 0].min(initial=1))
        # The axis starts at a multiple of 0.1. The part of the curve without false positives may be cut off.
        low = max(0, np.floor(10 * low - 1) / 10)
        axes.set(xlim=(left, 1000), ylim=(low, 1 + 0.02 * (1 - low)), ylabel="fraction of the balls")
        axes.set_xlabel("false positives per 1000 patches without a ball (left edge: none)")
        plots.plain_log_axis(axes.xaxis)
        found, wrong = numbers["detection_rate"], numbers["false_positives_per_1000"]
        axes.set_title(
            f"{found:.1%} of the balls found, {wrong:.1f} false positives\nper 1000 at threshold {threshold:.4g}"
        )
        axes.legend(loc="lower right")
