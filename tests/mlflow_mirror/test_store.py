"""Sixteen runs of a grid share one SQLite store."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common import tracking
from common.tracking import choose_server, journal
from common.tracking.server_state import missing
from mlflow_mirror import sync_and_status
from mlflow_mirror.mlflow_settings import prepare
from mlflow_mirror.send_run import Sender

from ..common.tracking.fault_proxy import wait_until
from ..common.tracking.mlflow_server import differences

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other
TRAINING = Path(__file__).with_name("training.py")


def test_sixteen_runs_share_one_store(tmp_path, no_mirror):
    """All processes create the store at the same moment and write to it at once; one of them sends all runs."""
    server = choose_server("local", tmp_path)
    for number in range(16):
        run = tracking.start(tmp_path / f"run{number}", server, tracking.RunInfo("grid", f"run{number}"))
        for epoch in range(50):
            run.metrics({f"metric_{i}": epoch / (i + 1) for i in range(20)}, step=epoch)
        (run.folder / "a.txt").write_text(str(number))
        run.artifact("a.txt")
        run.finish("FINISHED", wait_s=0)
    command = [sys.executable, "-m", "mlflow_mirror", "sync", "--output-dir", str(tmp_path)]
    senders = [
        subprocess.Popen(
            [*command, *(f"run{number}" for number in range(8 * half, 8 * half + 8))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for half in range(2)
    ]
    senders.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    for sender in senders:
        out, err = sender.communicate()
        assert sender.returncode == 0, out + err
    for number in range(16):
        assert differences(tmp_path / f"run{number}", "local:../mlflow.db") == []


def test_a_store_of_an_older_mlflow_is_migrated(tmp_path, no_mirror, mlflow_2):
    shutil.copyfile(mlflow_2.folder / "server.db", tmp_path / "mlflow.db")
    run = tracking.start(tmp_path / "run", choose_server("local", tmp_path), tracking.RunInfo("new", "run"))
    run.metrics({"loss": 1.0}, step=0)
    run.finish("FINISHED", wait_s=0)
    assert sync_and_status.sync([run.folder], tmp_path) == 0
    assert differences(run.folder, "local:../mlflow.db") == []


@pytest.mark.slow
def test_sixteen_active_runs_share_one_store(tmp_path):
    uri = choose_server("local", tmp_path).uri
    processes = [
        subprocess.Popen([sys.executable, str(TRAINING), str(tmp_path / f"run{i}"), uri, "40", "0.5"])
        for i in range(16)
    ]
    assert [process.wait() for process in processes] == [0] * 16
    # Sends the records that the runs could not send before their time limit.
    assert sync_and_status.sync(sync_and_status.find_runs([], tmp_path), tmp_path) == 0
    for i in range(16):
        assert differences(tmp_path / f"run{i}", "local:../mlflow.db") == []


def test_the_mirror_is_up_to_date_during_training(tmp_path):
    server = choose_server("local", tmp_path)
    run = tracking.start(tmp_path / "run", server, tracking.RunInfo("e", "run", {"a": 1}))
    run.metrics({"loss": 1.0}, step=0)
    size = journal.journal_path(run.folder).stat().st_size
    wait_until(lambda: _offset(run.folder) == size, 120)
    run.metrics({"loss": 0.5}, step=1)
    began = time.monotonic()
    wait_until(lambda: _offset(run.folder) > size, 120)
    print(f"one epoch arrived after {time.monotonic() - began:.1f} s")
    assert differences(run.folder, "local:../mlflow.db") == []
    line = run.finish("FINISHED", wait_s=600)
    assert line == f"Tracked: {tmp_path}/mlflow.db"
    assert differences(run.folder, "local:../mlflow.db") == []


def _offset(run):
    from common.tracking import server_state

    return server_state.load(run, "local:../mlflow.db").offset


def test_a_store_that_was_deleted_is_filled_again(tmp_path, no_mirror):
    run = tracking.start(tmp_path / "run", choose_server("local", tmp_path), tracking.RunInfo("e", "run"))
    run.metrics({"loss": 1.0}, step=0)
    run.finish("KILLED", wait_s=0)
    assert sync_and_status.sync([run.folder], tmp_path) == 0
    for path in tmp_path.glob("mlflow.db*"):
        path.unlink()
    command = [sys.executable, "-m", "mlflow_mirror", "sync", str(run.folder)]
    subprocess.run(command, check=True, capture_output=True)
    assert differences(run.folder, "local:../mlflow.db") != ["found the run 0 times"]


def test_a_store_that_was_moved_away_from_its_files_is_reported(tmp_path, no_mirror):
    for name in ("one", "two"):
        run = tracking.start(tmp_path / "a" / name, choose_server("local", tmp_path / "a"), tracking.RunInfo("e", name))
        (run.folder / "a.txt").write_text("x")
        run.artifact("a.txt")
        run.finish("FINISHED", wait_s=0)
    assert sync_and_status.sync([tmp_path / "a" / "one"], tmp_path / "a") == 0
    (tmp_path / "a").rename(tmp_path / "b")
    prepare()
    two = tmp_path / "b" / "two"
    assert Sender(two, "local:../mlflow.db").step() is None
    assert missing(two, "local:../mlflow.db") == "1 file (the local store was moved away from its mlartifacts)"
    assert differences(two, "local:../mlflow.db")[0].startswith("file a.txt")  # nothing else is missing
    assert len(differences(two, "local:../mlflow.db")) == 1
    assert not (tmp_path / "a").exists()
