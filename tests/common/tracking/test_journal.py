import json

import pytest

from common.errors import UserError
from common.tracking import journal, journal_writer

from .small_runs import records


def test_what_is_appended_is_read(tmp_path):
    written = journal_writer.Journal(tmp_path)
    written.append("metrics", step=3, values={"loss": 0.5, "nan": float("nan"), "inf": float("-inf")})
    written.append("tags", values={"name": "Größe\n"})
    assert written.close()
    first, second = records(tmp_path)
    assert first["step"] == 3
    assert first["values"] == {"loss": 0.5, "nan": "nan", "inf": "-inf"}
    assert second["values"] == {"name": "Größe\n"}
    assert first["t"] <= second["t"]
    for line in journal.journal_path(tmp_path).read_text().splitlines():
        json.loads(line, parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))


def test_a_journal_that_is_cut_off_anywhere_loses_only_the_incomplete_record(tmp_path):
    """The journal may end at any byte, as after a power cut. Complete records are read, and new ones are appended."""
    written = journal_writer.Journal(tmp_path)
    written.append("run", uuid="0", experiment="e", name="n", user="u", servers=["https://x"], parent=None)
    written.append("parameters", values={"größe": "8 8\n16"})
    for step in range(2):
        written.append("metrics", step=step, values={"loss": float(step), "nan": float("nan")})
    written.append("status", status="FINISHED")
    written.close()
    whole, lines = journal.journal_path(tmp_path).read_bytes(), records(tmp_path)
    for cut in range(len(whole) + 1):
        journal.journal_path(tmp_path).write_bytes(whole[:cut])
        kept = lines[: whole[:cut].count(b"\n")]
        assert records(tmp_path) == kept
        again = journal_writer.Journal(tmp_path)
        again.append("tags", values={"resumed": "1"})
        again.close()
        assert records(tmp_path)[:-1] == kept
        assert records(tmp_path)[-1]["values"] == {"resumed": "1"}


def test_a_damaged_line_does_not_hide_other_records(tmp_path):
    written = journal_writer.Journal(tmp_path)
    written.append("tags", values={"a": "1"})
    written.close()
    with journal.journal_path(tmp_path).open("ab") as file:
        file.write(b"\x00\xff rubbish\n[1]\n")
    written = journal_writer.Journal(tmp_path)
    written.append("tags", values={"b": "2"})
    written.close()
    assert [record["values"] for record in records(tmp_path)] == [{"a": "1"}, {"b": "2"}]


def test_a_line_of_any_length_is_counted_once(tmp_path):
    written = journal_writer.Journal(tmp_path)
    written.append("tags", values={"long": "x" * 3_000_000})
    written.append("status", status="DONE")
    written.append("tags", values={"a": "1"})
    written.close()
    assert journal.bad_lines(tmp_path) == ["line 1: it is not JSON", "line 2: status with a wrong or missing 'status'"]
    assert [record["values"] for record in records(tmp_path)] == [{"a": "1"}]
    whole = journal.journal_path(tmp_path).read_bytes()
    journal.journal_path(tmp_path).write_bytes(whole[:2_000_000])  # the line is still being written
    assert journal.bad_lines(tmp_path) == []


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(UserError, match="no tracked run"):
        journal.header(tmp_path)
