"""Formats the classifier's metrics for a terminal."""

from collections.abc import Mapping, Sequence

from common.cli import tables

_ROWS = (
    ("patches", "patches", "d"),
    ("  with a ball", "balls", "d"),
    ("at the threshold", "threshold", ".4f"),
    ("  recall", "recall", ".2%"),
    ("  precision", "precision", ".2%"),
    ("  F1", "f1", ".4f"),
    ("  accuracy", "accuracy", ".2%"),
    ("  false positive rate", "false_positive_rate", ".3%"),
    ("    one-sided upper bound", "false_positive_bound", ".3%"),
    ("    two-sided 95 % interval, from", "false_positive_rate_low", ".3%"),
    ("    to", "false_positive_rate_high", ".3%"),
    ("  false positives", "false_positives", "d"),
    ("  missed balls", "false_negatives", "d"),
    ("from the scores only", "", ""),
    ("  AUROC", "auroc", ".4f"),
    ("  average precision", "average_precision", ".4f"),
    ("  recall at 1 % false positives", "recall_at_fpr_0.01", ".2%"),
    ("  recall at 0.1 % false positives", "recall_at_fpr_0.001", ".2%"),
    ("  log loss", "log_loss", ".4f"),
    ("  Brier score", "brier", ".4f"),
    ("without a network", "", ""),
    ("  accuracy of always 'no ball'", "baseline_accuracy", ".2%"),
    ("  AUROC of the middle's brightness", "baseline_auroc", ".4f"),
    ("  recall at 1 % with this brightness", "baseline_recall_at_fpr_0.01", ".2%"),
)
# The metrics for comparing runs in MLflow; all others are in the table, evaluation.json and the model card.
TRACKED = {
    "validation": (
        "recall",
        "false_positive_rate",
        "false_positive_bound",
        "false_positive_rate_high",
        "auroc",
        "recall_at_fpr_0.01",
        "recall_at_fpr_0.001",
    ),
    "test": ("recall", "false_positive_rate", "auroc"),
}
_GROUP_COLUMNS = (
    ("patches", "patches", "d"),
    ("balls", "balls", "d"),
    ("missed", "false_negatives", "d"),
    ("false pos.", "false_positives", "d"),
    ("recall", "recall", ".1%"),
    ("FPR", "false_positive_rate", ".2%"),
    ("AUROC", "auroc", ".4f"),
)


def table(sets: Mapping[str, Mapping[str, float]]) -> str:
    """Returns a table of all metrics of `report`, with one column per set; "-" if a metric is undefined."""
    return tables.table(_ROWS, sets)


def group_table(rows: Sequence[Mapping[str, str | float]], shown: int = 12) -> str:
    """Returns a table of groups (see `metrics.evaluate_groups`): the `shown` worst groups of each kind."""
    return tables.group_table(_GROUP_COLUMNS, rows, lambda row: row["false_negatives"] + row["false_positives"], shown)
