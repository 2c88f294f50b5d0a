"""Formats the detector's metrics for a terminal."""

from collections.abc import Mapping, Sequence

from common.cli import tables

_ROWS = (
    ("patches, all with a ball", "patches", "d"),
    ("distance between the centres", "", ""),
    ("  median (pixels)", "median_center_error_px", ".3f"),
    ("  mean (pixels)", "mean_center_error_px", ".3f"),
    ("  95th percentile (pixels)", "p95_center_error_px", ".3f"),
    ("  median (share of the patch)", "median_center_error_fraction", ".4f"),
    ("error of the radius", "", ""),
    ("  median (pixels)", "median_radius_error_px", ".3f"),
    ("  mean (pixels)", "mean_radius_error_px", ".3f"),
    ("  95th percentile (pixels)", "p95_radius_error_px", ".3f"),
    ("  median (share of the patch)", "median_radius_error_fraction", ".4f"),
    ("overlap of the circles", "", ""),
    ("  mean IoU", "mean_iou", ".4f"),
    ("  IoU above 0.5", "iou_above_0.5", ".2%"),
    ("  IoU above 0.75", "iou_above_0.75", ".2%"),
    ("predicted minus true, mean (pixels)", "", ""),
    ("  radius", "bias_radius_px", "+.3f"),
    ("  x", "bias_x_px", "+.3f"),
    ("  y", "bias_y_px", "+.3f"),
    ("always predicting the mean circle", "", ""),
    ("  median centre distance (pixels)", "baseline_median_center_error_px", ".3f"),
    ("  median radius error (pixels)", "baseline_median_radius_error_px", ".3f"),
    ("  mean IoU", "baseline_mean_iou", ".4f"),
)
# The metrics for comparing runs in MLflow. All metrics are in the table, evaluation.json and the model card.
TRACKED = {
    "validation": (
        "median_center_error_px",
        "p95_center_error_px",
        "median_radius_error_px",
        "mean_iou",
        "iou_above_0.75",
    ),
    "test": ("median_center_error_px", "median_radius_error_px", "mean_iou"),
}
_GROUP_COLUMNS = (
    ("patches", "patches", "d"),
    ("centre px", "median_center_error_px", ".3f"),
    ("95 % px", "p95_center_error_px", ".3f"),
    ("radius px", "median_radius_error_px", ".3f"),
    ("mean IoU", "mean_iou", ".4f"),
    ("> 0.75", "iou_above_0.75", ".1%"),
)


def table(sets: Mapping[str, Mapping[str, float]]) -> str:
    """Returns a table of all metrics of `report`, with one column per set."""
    return tables.table(_ROWS, sets)


def group_table(rows: Sequence[Mapping[str, str | float]], shown: int = 12) -> str:
    """Returns a table of `metrics.evaluate_groups`: the `shown` groups of each kind that have the lowest IoU."""
    return tables.group_table(_GROUP_COLUMNS, rows, lambda row: -row["mean_iou"], shown)
