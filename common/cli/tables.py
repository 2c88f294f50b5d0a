"""Formats numbers as tables for a terminal."""

from collections.abc import Callable, Mapping, Sequence


def table(rows: Sequence[tuple[str, str, str]], sets: Mapping[str, Mapping[str, float]]) -> str:
    """Formats a table with one line per metric and one column per set; undefined metrics are shown as "-".

    Args:
        rows: (label, key, format) of each line; a line without a key is a heading.
        sets: name -> metrics; a single set needs no name.
    """
    lines = [f"{'':36}" + "".join(f"{name:>12}" for name in sets)] if any(sets) else []
    for label, key, form in rows:
        lines.append((f"{label:36}" + "".join(_cell(numbers, key, form, 12) for numbers in sets.values())).rstrip())
    return "\n".join(lines)


def group_table(
    columns: Sequence[tuple[str, str, str]],
    rows: Sequence[Mapping[str, str | float]],
    badness: Callable[[Mapping], float],
    shown: int = 12,
) -> str:
    """Formats one table per kind of group, with the worst rows first and at most `shown` rows.

    Args:
        columns: (title, key, format).
        rows: one dict per group, with `group`, `name` and metrics, as a project's `evaluate_groups` returns them.
        badness: takes a row and returns a number; the row with the highest number comes first.
    """
    lines = []
    for group in dict.fromkeys(row["group"] for row in rows):
        members = sorted((row for row in rows if row["group"] == group), key=lambda row: -badness(row))
        # Names come last and are not shortened, because the names of two files may differ in any part.
        lines.append("\n" + "".join(f"{title:>11}" for title, _, _ in columns) + f"  {group}")
        for row in members[:shown]:
            lines.append("".join(_cell(row, key, form, 11) for _, key, form in columns) + f"  {row['name']}")
        if len(members) > shown:
            lines.append(f"... and {len(members) - shown} more with fewer errors")
    return "\n".join([*lines, ""]) if lines else ""


def _cell(numbers: Mapping, key: str, form: str, width: int) -> str:
    if not key:
        return ""
    return f"{format(numbers[key], form) if key in numbers else '-':>{width}}"
