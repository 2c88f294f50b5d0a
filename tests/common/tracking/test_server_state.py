"""Marks, which record what a server has received, are ignored if they are damaged, edited or from another journal."""

import json

import pytest

from common.tracking import journal, journal_writer, server_state
from mlflow_mirror.__main__ import main

from .mlflow_server import differences

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other


@pytest.mark.parametrize("change", [{"offset": -5}, {"offset": "x"}, {"files": []}, {"files": {"a": 1}}, {"fault": 7}])
def test_an_edited_mark_is_ignored(run, tmp_path, change):
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    path = server_state.mark_path(run, "local:../mlflow.db")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert main(["status", "--output-dir", str(tmp_path)]) == 1
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    assert differences(run, "local:../mlflow.db") == []


def test_a_mark_with_an_impossible_address_is_ignored(tmp_path):
    server_state.save(tmp_path, server_state.Mark("https://x"))
    path = server_state.mark_path(tmp_path, "https://x")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"server": "\ud800"}))
    assert server_state.targets(tmp_path) == []


def test_a_mark_of_another_journal_is_ignored(tmp_path):
    """In a folder copied during a run, marks may be newer than the journal.

    Records that are added later must not be skipped.
    """
    written = journal_writer.Journal(tmp_path)
    written.append("run", uuid="0", experiment="e", name="n", user="u", servers=[])
    early = journal.journal_path(tmp_path).read_bytes()
    written.append("metrics", step=0, values={"loss": 1.0})
    written.close()
    server_state.save(tmp_path, server_state.Mark("https://x", offset=journal.journal_path(tmp_path).stat().st_size))
    assert server_state.load(tmp_path, "https://x").offset
    journal.journal_path(tmp_path).write_bytes(early)
    assert server_state.load(tmp_path, "https://x").offset == 0
    again = journal_writer.Journal(tmp_path)
    again.append("metrics", step=0, values={"loss": 2.0})  # the same length as the record that was lost
    again.close()
    assert server_state.load(tmp_path, "https://x").offset == 0
