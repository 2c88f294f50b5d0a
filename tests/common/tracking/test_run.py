"""Tests a tracked run from the point of view of the training process."""

import json
from pathlib import Path

import pytest

from common import tracking
from common.cli import launch
from common.errors import UserError
from common.tracking import Server, choose_server, journal, server_state
from common.tracking.server_state import missing
from mlflow_mirror import sync_and_status

from .fault_proxy import FaultProxy, wait_until
from .mlflow_server import differences
from .small_runs import begin, finished_locally

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other


def test_a_folder_holds_one_run(tmp_path, no_mirror):
    run = begin(tmp_path / "a")
    with pytest.raises(UserError, match="Another process is writing"):
        begin(tmp_path / "a", resume=True)
    run.finish("KILLED")
    with pytest.raises(UserError, match="This folder already contains a run"):
        begin(tmp_path / "a")
    with pytest.raises(UserError, match="no tracked run"):
        begin(tmp_path / "b", resume=True)


def test_a_run_that_cannot_be_written_is_not_resumed(tmp_path, no_mirror):
    """A folder replaces the lock file, because removing the write permission would not stop root."""
    begin(tmp_path).finish("KILLED")
    lock = tmp_path / "tracking" / "alive.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    with pytest.raises(UserError, match=rf"cannot be recorded: .* Received: {tmp_path}\. Check its files\.$"):
        begin(tmp_path, resume=True)


def test_a_resumed_run_is_the_same_run(tmp_path, no_mirror):
    begin(tmp_path, parameters={"epochs": 1}).finish("KILLED")
    uuid = journal.header(tmp_path)["uuid"]
    run = begin(tmp_path, Server("http://127.0.0.1:8", "", "http://127.0.0.1:8"), parameters={"epochs": 2}, resume=True)
    assert journal.last_status(tmp_path)[0] == "RUNNING"
    run.finish("FINISHED")
    assert journal.header(tmp_path)["uuid"] == uuid
    assert journal.servers(tmp_path) == ["http://127.0.0.1:9", "http://127.0.0.1:8"]


def test_the_end_of_a_run_is_reported_once(tmp_path, no_mirror):
    run = begin(tmp_path)
    line = run.finish("KILLED")
    assert run.finish("FAILED") == line
    assert journal.last_status(tmp_path)[0] == "KILLED"


def test_only_files_of_the_run_are_artifacts(tmp_path, no_mirror):
    run = begin(tmp_path / "run")
    (tmp_path / "else.txt").write_text("x")
    with pytest.raises(ValueError, match="inside the run folder"):
        run.artifact(tmp_path / "else.txt")
    with pytest.raises(ValueError, match="must be one of"):
        run.finish("DONE")
    run.finish("FINISHED")


def test_a_run_kept_locally_is_pending_for_the_teams_server(tmp_path, no_mirror, mlflow_3):
    with FaultProxy(mlflow_3.port) as team:
        team.refuse()
        server = tracking.choose_server(team.url, tmp_path)
        assert server.wanted == team.url != server.uri
        run = begin(tmp_path / "run", server)
        run.metrics({"loss": 1.0}, step=0)
        here, there = run.finish("FINISHED").splitlines()
        assert f"{tmp_path}/mlflow.db" in here
        assert there.startswith(f"Not yet on {team.url}: 3 records")
        assert there.endswith(f"mlflow_mirror sync {launch.shortest(tmp_path / 'run')} --to {team.url}")
        team.restore()
        assert sync_and_status.sync([run.folder], tmp_path, team.url) == 0
        assert sync_and_status.sync([run.folder], tmp_path) == 0
        assert not missing(run.folder, team.url)
        assert differences(run.folder, team.url) == []
        assert differences(run.folder, "local:../mlflow.db") == []


def test_credentials_appear_nowhere(tmp_path, mlflow_3, monkeypatch, capfd):
    secret = 'correct "horse" bättery'
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", secret)
    with FaultProxy(mlflow_3.port) as proxy:
        proxy.credentials = ("ada", secret)
        server = tracking.choose_server(proxy.url, tmp_path)
        assert server.uri == proxy.url
        run = begin(
            tmp_path / "run", server, parameters={"url": f"https://ada:{secret}@host/x"}, tags={"argv": f"--x {secret}"}
        )
        run.dataset("d", digest="ab", source=f"https://ada:{secret}@archive/x.h5", context="training", patches=1)
        run.metrics({"loss": 1.0}, step=0)
        line = Path(f"/proc/{run.mirror.process.pid}/cmdline").read_bytes()
        wait_until(lambda: not missing(run.folder, proxy.url), 120)
        proxy.credentials = ("ada", "changed on the server")
        run.metrics({"loss": 0.5}, step=1)
        wait_until(lambda: "(401)" in server_state.load(run.folder, proxy.url).fault, 120)
        words = run.finish("FINISHED", wait_s=10)
        proxy.credentials = ("ada", secret)
        assert sync_and_status.sync([run.folder], tmp_path, proxy.url) == 0
        assert differences(run.folder, proxy.url) == []
    out, err = capfd.readouterr()
    assert secret not in words + out + err + server.words
    assert secret.encode() not in line
    written = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(written) > 3
    for path in [*written, *mlflow_3.folder.rglob("*")]:
        assert path.is_dir() or secret.encode() not in path.read_bytes(), path


def test_files_that_are_made_after_the_end_are_sent_by_the_next_sync(tmp_path, capsys):
    run = finished_locally(tmp_path)
    assert sync_and_status.sync([run], tmp_path) == 0
    for name in ("a.txt", "model.h"):
        (run / name).write_text("exported")
    said = tracking.add_files(run, [run / "a.txt", run / "model.h"])
    assert "1 record and 2 files" in said
    assert said.endswith(f"mlflow_mirror sync {run}")
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
    run = tracking.start(tmp_path / "run", choose_server("local", tmp_path), tracking.RunInfo("e", "run"))
    (run.folder / "model.h").write_text("x")
    assert tracking.add_files(run.folder, [run.folder / "model.h"]) == ""
    run.finish("FINISHED", wait_s=0)
    assert not any(record["kind"] == "artifact" for _, record in journal.read(run.folder))
