"""Plots the results of train_throughput.py."""

from pathlib import Path

from common.runs import plots

COLOURS = {"compiled": plots.BALL, "textbook": plots.NO_BALL}
NAMES = {"classifier_cnn": "classifier", "detector_cnn_ball_radius_center": "detector"}
LABELS = {"compiled": "train.py, one thread", "textbook": "textbook, two cores"}


def draw(path: Path, told: dict) -> None:
    """Plots the sweeps: patches per second against batch size and network size, with one column for each project."""
    swept = {project: parts["sweep"]["result"] for project, parts in told.items() if "sweep" in parts}
    if not swept:
        raise SystemExit("error: there is nothing to plot. Run `train_throughput.py sweep` first.")
    with plots.figure(path, 10, 7) as drawing:
        axes = drawing.subplots(2, len(swept), sharey="row", squeeze=False)
        for column, (project, rows) in zip(axes.T, swept.items(), strict=True):
            smallest = rows[0]["filters"]
            by_batch = [row for row in rows if row["filters"] == smallest]
            by_size = [row for row in rows if row["batch_size"] == 128]
            for way, colour in COLOURS.items():
                settings = {"color": colour, "marker": "o", "label": LABELS[way]}
                column[0].plot([r["batch_size"] for r in by_batch], [r[way] for r in by_batch], **settings)
                column[1].plot(
                    [" ".join(map(str, r["filters"])) for r in by_size], [r[way] for r in by_size], **settings
                )
            column[0].set(title=f"{NAMES[project]}, filters {' '.join(map(str, smallest))}", xlabel="batch size")
            column[1].set(title="batch size 128", xlabel="filters")
            column[1].margins(x=0.2)  # space for the names
            plots.plain_log_axis(column[0].xaxis)
        for row in axes:
            row[0].set(ylabel="patches per second", ylim=(0, None))
            row[0].yaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k")
        axes[0][0].legend()
