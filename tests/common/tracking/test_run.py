"""A run from the point of view of the training process."""

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from common import tracking
from common.cli import launch
from common.errors import UserError
from common.tracking import Server, journal, server_state, sync_and_status
from common.tracking.pending import pending

from .fault_proxy import Fault, FaultProxy, wait_until
from .mlflow_server import differences

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other
AWAY = Server("http://127.0.0.1:9", "", "http://127.0.0.1:9")


def begin(folder, server=AWAY, **keywords):
    return tracking.start(folder, server, experiment="e", name="n", **keywords)


def test_a_folder_holds_one_run(tmp_path, no_mirror):
    run = begin(tmp_path / "a")
    with pytest.raises(UserError, match="Another process is writing"):
        begin(tmp_path / "a", resume=True)
    run.finish("KILLED")
    with pytest.raises(UserError, match="This folder already contains a run"):
        begin(tmp_path / "a")
    with pytest.raises(UserError, match="no tracked run"):
        begin(tmp_path / "b", resume=True)


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


def test_a_run_that_was_kept_here_is_pending_for_the_teams_server(tmp_path, no_mirror, mlflow_3):
    with FaultProxy(mlflow_3.port) as team:
        team.refuse()
        server = tracking.choose_server(team.url, tmp_path)
        assert server.wanted == team.url != server.uri
        run = begin(tmp_path / "run", server)
        run.metrics({"loss": 1.0}, step=0)
        here, there = run.finish("FINISHED").splitlines()
        assert f"{tmp_path}/mlflow.db" in here
        assert there.startswith(f"Not yet on {team.url}: 3 records")
        assert there.endswith(f"common/tracking sync {launch.shortest(tmp_path / 'run')} --to {team.url}")
        team.restore()
        assert sync_and_status.sync([run.folder], tmp_path, team.url) == 0
        assert sync_and_status.sync([run.folder], tmp_path) == 0
        assert not pending(run.folder, team.url)
        assert differences(run.folder, team.url) == []
        assert differences(run.folder, "local:../mlflow.db") == []


def test_the_mirror_catches_up_by_itself(tmp_path, mlflow_3, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    with FaultProxy(mlflow_3.port) as proxy:
        proxy.fault = Fault("status", 503)
        run = begin(tmp_path / "run", Server(proxy.url, "", proxy.url))
        run.metrics({"loss": 1.0}, step=0)
        wait_until(lambda: server_state.load(run.folder, proxy.url).fault == "it is not ready (503)", 120)
        proxy.fault = Fault()
        wait_until(lambda: not pending(run.folder, proxy.url).records, 120)
        assert "RUNNING" in journal.last_status(run.folder)
        assert run.finish("FINISHED", wait_s=600).startswith(f"Tracked: {proxy.url}/#/experiments/")
        assert differences(run.folder, proxy.url) == []
        log = (run.folder / "tracking" / "mirror.log").read_text()
        assert "it is not ready (503)" in log
        assert "up to date again" in log


def test_a_hung_server_delays_the_end_by_no_more_than_it_may(tmp_path, mlflow_3):
    with FaultProxy(mlflow_3.port) as proxy:
        proxy.fault = Fault("silent")
        run = begin(tmp_path / "run", Server(proxy.url, "", proxy.url))
        wait_until(lambda: proxy.requests, 120)
        began = time.monotonic()
        line = run.finish("FINISHED", wait_s=1)
        assert time.monotonic() - began < 30  # not the minute and a half that a request may take
        assert "Not yet on" in line
        assert run._mirror.process.poll() is not None


def test_the_mirror_reports_the_end_of_a_training_process_that_says_nothing(tmp_path, mlflow_3):
    program = """
        import sys
        from pathlib import Path
        from common import tracking
        run = tracking.start(Path(sys.argv[1]), tracking.Server(sys.argv[2], "", sys.argv[2]), experiment="e", name="n")
        run.metrics({"loss": 1.0}, step=0)
        raise SystemExit(3)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "run"), mlflow_3.url]
    assert subprocess.run(command, check=False).returncode == 3
    wait_until(lambda: server_state.load(tmp_path / "run", mlflow_3.url).status == "KILLED", 120)
    assert differences(tmp_path / "run", mlflow_3.url) == []


def test_a_mirror_that_died_is_replaced(tmp_path, mlflow_3):
    run = begin(tmp_path / "run", Server(mlflow_3.url, "", mlflow_3.url))
    run._mirror.process.kill()
    run._mirror.process.wait()
    run.metrics({"loss": 1.0}, step=0)
    assert run.finish("FINISHED", wait_s=600).startswith("Tracked: ")
    assert differences(run.folder, mlflow_3.url) == []


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
        line = Path(f"/proc/{run._mirror.process.pid}/cmdline").read_bytes()
        wait_until(lambda: not pending(run.folder, proxy.url).records, 120)
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


def test_a_mirror_that_cannot_start_does_not_stop_training(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    run = begin(tmp_path)
    run.metrics({"loss": 1.0}, step=0)
    assert "Not yet on" in run.finish("FINISHED")
    assert "nothing is sent during the run" in capfd.readouterr().err


def test_help_needs_no_heavy_import():
    program = (
        "import sys; from common import tracking; import common.tracking.__main__ as m; print(sorted(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for module in ("mlflow", "sqlalchemy", "numpy", "tensorflow"):
        assert f"'{module}'" not in loaded
