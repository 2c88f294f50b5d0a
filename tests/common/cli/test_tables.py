"""Metrics are printed as tables on a terminal."""

from common.cli.tables import group_table, table

COLUMNS = (("patches", "n", "d"), ("recall", "recall", ".1%"))


def test_an_undefined_number_is_shown_as_a_dash():
    text = table((("balls", "", ""), ("  found", "recall", ".1%")), {"validation": {"recall": 0.5}, "test": {}})
    heading, title, row = text.splitlines()
    assert heading.split() == ["validation", "test"]
    assert title == "balls"
    assert row.split() == ["found", "50.0%", "-"]
    assert len(table((("found", "recall", ".1%"),), {"": {"recall": 1.0}}).splitlines()) == 1  # one set needs no name


def test_the_worst_rows_of_each_group_come_first_and_the_rest_are_counted():
    rows = [{"group": "camera", "name": f"c{i}", "n": i, "recall": i / 10} for i in range(5)]
    rows.append({"group": "recording", "name": "a log with spaces", "n": 7})
    text = group_table(COLUMNS, rows, badness=lambda row: -row.get("recall", 0), shown=2)
    assert [line.split()[-1] for line in text.splitlines() if "%" in line] == ["c0", "c1"]
    assert "... and 3 more with fewer errors" in text
    assert text.rstrip().endswith("7          -  a log with spaces")
    assert group_table(COLUMNS, [], badness=len) == ""
