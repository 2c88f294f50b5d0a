"""Output folders with any name, files that are added later, and servers that lost what was sent to them."""

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from common import tracking
from common.tracking import choose_server, journal, server_state, sync_and_status
from common.tracking.pending import pending

pytestmark = [pytest.mark.usefixtures("no_mirror"), pytest.mark.filterwarnings("default")]
NAMES = ["a?b=c", "a#b", "a%41b", "q?uri=true&mode=ro", "a b", "ä'ö\"", "-x", "new\nline", "{x};&@:", "100%"]


def finished(folder: Path) -> Path:
    run = tracking.start(folder / "run", choose_server("local", folder), experiment="e", name="run")
    (run.folder / "a.txt").write_text("x")
    run.artifact("a.txt")
    run.finish("FINISHED", wait_s=0)
    return run.folder


@pytest.mark.parametrize("name", NAMES)
def test_the_store_is_in_the_folder_that_was_named(tmp_path, name):
    folder = tmp_path / name
    run = finished(folder)
    assert sync_and_status.sync([run], folder) == 0
    assert sync_and_status.status([run]) == 0
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as store:
        assert store.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    assert [path.read_text() for path in (folder / "mlartifacts").rglob("a.txt")] == ["x"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_files_that_are_made_after_the_end_are_sent_by_the_next_sync(tmp_path, capsys):
    run = finished(tmp_path)
    assert sync_and_status.sync([run], tmp_path) == 0
    for name in ("a.txt", "model.h"):
        (run / name).write_text("exported")
    said = tracking.add_files(run, [run / "a.txt", run / "model.h"])
    assert "1 record and 2 files" in said
    assert said.endswith(f"common/tracking sync {run}")
    assert sync_and_status.status([run]) == 1
    assert sync_and_status.sync([run], tmp_path) == 0
    assert sync_and_status.status([run]) == 0
    sent = {path.name: path.read_text() for path in (tmp_path / "mlartifacts").rglob("*") if path.is_file()}
    assert sent == {"a.txt": "exported", "model.h": "exported"}
    assert "has everything" in capsys.readouterr().out
    lines = journal.journal_path(run).read_text().splitlines()
    tracking.add_files(run, [run / "a.txt", run / "model.h"])
    assert journal.journal_path(run).read_text().splitlines() == lines
    assert json.loads(lines[-1])["path"] == "model.h"


def test_a_run_that_is_being_written_records_its_files_itself(tmp_path):
    run = tracking.start(tmp_path / "run", choose_server("local", tmp_path), experiment="e", name="run")
    (run.folder / "model.h").write_text("x")
    assert tracking.add_files(run.folder, [run.folder / "model.h"]) == ""
    run.finish("FINISHED", wait_s=0)
    assert not any(record["kind"] == "artifact" for _, record in journal.read(run.folder))


def test_a_file_that_the_server_does_not_list_is_not_said_to_be_there(mlflow_3, start, tmp_path, monkeypatch):
    run = start(mlflow_3.url, "lost")
    (run.folder / "a.txt").write_text("x")
    run.artifact("a.txt")
    run.finish("FINISHED")
    monkeypatch.setattr("mlflow.tracking.MlflowClient.log_artifact", lambda *_: None)  # as if its disk kept nothing
    assert sync_and_status.sync([run.folder], tmp_path) == 1
    assert pending(run.folder, mlflow_3.url).words() == "1 file (it was sent, but the server does not have it)"
    monkeypatch.undo()
    assert sync_and_status.sync([run.folder], tmp_path, mlflow_3.url) == 0
    assert "a.txt" in server_state.load(run.folder, mlflow_3.url).files
