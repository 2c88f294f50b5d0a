"""The classifier's numbers as text that people read in a terminal."""

from collections.abc import Mapping, Sequence

_ROWS = (
    ("patches", "patches", "d"),
    ("  with a ball", "balls", "d"),
    ("at the threshold", "threshold", ".4f"),
    ("  recall", "recall", ".2%"),
    ("  precision", "precision", ".2%"),
    ("  F1", "f1", ".4f"),
    ("  accuracy", "accuracy", ".2%"),
    ("  false positive rate", "false_positive_rate", ".3%"),
    ("  false positives", "false_positives", "d"),
    ("  missed balls", "false_negatives", "d"),
    ("by the scores alone", "", ""),
    ("  AUROC", "auroc", ".4f"),
    ("  average precision", "average_precision", ".4f"),
    ("  recall at 1 % false positives", "recall_at_fpr_0.01", ".2%"),
    ("  recall at 0.1 % false positives", "recall_at_fpr_0.001", ".2%"),
    ("  log loss", "log_loss", ".4f"),
    ("  Brier score", "brier", ".4f"),
    ("without a network", "", ""),
    ("  accuracy of always no ball", "baseline_accuracy", ".2%"),
    ("  AUROC of a bright middle", "baseline_auroc", ".4f"),
    ("  its recall at 1 % false positives", "baseline_recall_at_fpr_0.01", ".2%"),
)
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
    """The numbers of `metrics.evaluate` and `metrics.baseline`, one column per set; "-" where one is undefined."""
    lines = [f"{'':36}" + "".join(f"{name:>12}" for name in sets)] if any(sets) else []
    for label, key, form in _ROWS:
        lines.append((f"{label:36}" + "".join(_cell(numbers, key, form, 12) for numbers in sets.values())).rstrip())
    return "\n".join(lines)


def group_table(rows: Sequence[Mapping[str, str | float]], shown: int = 12) -> str:
    """The rows of `metrics.evaluate_groups`, most errors first, at most `shown` of each kind of group."""
    lines = []
    for group in dict.fromkeys(row["group"] for row in rows):
        members = [row for row in rows if row["group"] == group]
        members.sort(key=lambda row: -row["false_negatives"] - row["false_positives"])
        # Names come last, in full: those of two files may differ in any place.
        lines.append("\n" + "".join(f"{title:>11}" for title, _, _ in _GROUP_COLUMNS) + f"  {group}")
        for row in members[:shown]:
            cells = "".join(_cell(row, key, form, 11) for _, key, form in _GROUP_COLUMNS)
            lines.append(f"{cells}  {row['name']}")
        if len(members) > shown:
            lines.append(f"... and {len(members) - shown} more with fewer errors")
    return "\n".join([*lines, ""]) if lines else ""


def _cell(numbers: Mapping, key: str, form: str, width: int) -> str:
    if not key:
        return ""
    return f"{format(numbers[key], form) if key in numbers else '-':>{width}}"
