"""Tests the commands `python -m mlflow_mirror sync` and `status`."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from common.errors import UserError
from common.tracking import journal, journal_writer, server_state
from mlflow_mirror.__main__ import main

from ..common.tracking.fault_proxy import Fault, FaultProxy, wait_until
from ..common.tracking.mlflow_server import differences
from ..common.tracking.small_runs import finished
from ..tiny import ROOT

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other


def test_a_run_can_be_mirrored_to_another_server(mlflow_server, start, tmp_path, capsys):
    run = finished(start, f"sqlite:///{tmp_path}/mlflow.db")
    assert main(["sync", "run", "--output-dir", str(tmp_path), "--to", mlflow_server.url]) == 0
    assert differences(run, mlflow_server.url) == []
    assert main(["status", "--output-dir", str(tmp_path)]) == 1  # the local store does not have the run yet
    out = capsys.readouterr().out
    assert f"{mlflow_server.url}/#/experiments/" in out
    assert f"{tmp_path}/mlflow.db: lacks 7 records" in out
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    assert main(["status", "--output-dir", str(tmp_path)]) == 0
    assert differences(run, "local:../mlflow.db") == []


def test_sync_marks_a_run_as_killed_if_its_process_died(mlflow_3, start, tmp_path, capsys):
    run = start(mlflow_3.url)
    run.metrics({"loss": 1.0}, step=0)
    assert main(["status", "--output-dir", str(tmp_path)]) == 1
    assert "RUNNING" in capsys.readouterr().out
    run._alive.release()  # the kernel releases this lock when a process dies
    assert main(["status", "--output-dir", str(tmp_path)]) == 1
    assert "died (sync marks it as KILLED)" in capsys.readouterr().out
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    assert "its process died" in capsys.readouterr().out
    assert differences(run.folder, mlflow_3.url) == []


def test_an_unreachable_server_is_tried_once_and_the_others_get_their_runs(proxy, start, tmp_path, capsys):
    away = [finished(start, "http://127.0.0.1:9", f"away{i}") for i in range(3)]
    here = finished(start, proxy.url, "here")
    assert main(["sync", "--output-dir", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "http://127.0.0.1:9 is not available: it refuses connections" in out
    assert out.count("127.0.0.1:9") == 1
    assert "complete mirrors: 1 of 4" in out
    assert differences(here, proxy.url) == []
    assert [server_state.load(run, "http://127.0.0.1:9").offset for run in away] == [0, 0, 0]


@pytest.mark.parametrize(
    ("number", "status"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGKILL, -9)]
)
def test_a_sync_that_is_stopped_during_an_upload_resumes(number, status, mlflow_3, start):
    with FaultProxy(mlflow_3.port) as proxy:
        run = start(proxy.url)
        for epoch in range(3):
            run.metrics({"loss": 1.0}, step=epoch)
        for name in ("first.txt", "second.txt"):
            (run.folder / name).write_text(name)
            run.artifact(name)
        run.finish("FINISHED")
        proxy.fault = Fault("silent", only="second.txt")
        command = [sys.executable, "-m", "mlflow_mirror", "sync", str(run.folder), "--to", proxy.url]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: any("second.txt" in path for _, path in proxy.requests), 120)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == status
        assert "Traceback" not in err
        proxy.fault = Fault()
        proxy.released.set()
        proxy.requests.clear()
        assert main(["sync", str(run.folder)]) == 0
        assert not any("first.txt" in path for method, path in proxy.requests if method == "PUT")
        assert differences(run.folder, proxy.url) == []


def test_a_sync_beside_the_training_sends_nothing_twice(mlflow_3, tmp_path):
    training = Path(__file__).with_name("training.py")
    command = [sys.executable, str(training), str(tmp_path / "run"), mlflow_3.url, "60", "0.05"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    while process.poll() is None:
        # The run is sent by the process beside it or by sync, depending on which of them has the lock.
        assert main(["sync", str(tmp_path / "run"), "--to", mlflow_3.url]) in (0, 1)
    process.communicate()
    assert main(["sync", str(tmp_path / "run"), "--to", mlflow_3.url]) == 0
    assert differences(tmp_path / "run", mlflow_3.url) == []


def test_two_syncs_at_once(mlflow_3, start, tmp_path):
    runs = [finished(start, mlflow_3.url, f"run{i}") for i in range(6)]
    codes = []
    threads = [threading.Thread(target=lambda: codes.append(main(["sync", *map(str, runs)]))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0]
    for run in runs:
        assert differences(run, mlflow_3.url) == []


def test_a_folder_of_runs_is_not_accepted_as_a_run(start, tmp_path, capsys):
    start(f"sqlite:///{tmp_path}/mlflow.db").finish("FINISHED")
    with pytest.raises(UserError, match=rf"folder of runs, not .*For the runs in it \(1\): --output-dir {tmp_path}"):
        main(["status", str(tmp_path)])
    (tmp_path / "empty").mkdir()
    assert main(["status", "--output-dir", str(tmp_path / "empty")]) == 0
    assert f"No runs found in {tmp_path}/empty. Choose another folder with --output-dir." in capsys.readouterr().out


def test_status_says_that_a_killed_run_may_have_been_stopped(start, tmp_path, capsys):
    """MLflow's status is KILLED even after Ctrl-C, so `status` also says that the run may have been stopped."""
    start(f"sqlite:///{tmp_path}/mlflow.db").finish("KILLED")
    main(["status", "--output-dir", str(tmp_path)])
    assert "run  stopped or killed (KILLED in MLflow)  2" in capsys.readouterr().out


def test_the_bar_of_a_sync_counts_runs(start, tmp_path, capsys):
    for name in ("one", "two"):
        finished(start, f"sqlite:///{tmp_path}/mlflow.db", name)
    for _ in range(2):  # the second sync has nothing to send
        assert main(["sync", "--output-dir", str(tmp_path)]) == 0
        assert "2/2" in capsys.readouterr().err


def test_names_and_values_that_mlflow_refuses_arrive_changed_and_with_a_note(mlflow_server, start, tmp_path):
    from mlflow.tracking import MlflowClient

    odd = {
        "größe/§": "1",
        "long": "x" * 9000,
        "control": "a\x00b",
        "emoji": "⚽",
        "k" * 400: "2",
        "..": "3",
        "empty": "",
    }
    run = start(mlflow_server.url, parameters=odd, tags={f"tag {name}": value for name, value in odd.items()})
    run.metrics({"loss": float("nan"), "größe/§": float("inf"), "m" * 400: 1.0}, step=0)
    (run.folder / "odd #1%?.txt").write_text("x")
    run.artifact("odd #1%?.txt")
    run.finish("FINISHED")
    assert main(["sync", str(run.folder)]) == 0
    mark = server_state.load(run.folder, mlflow_server.url)
    assert mark.refused == {}
    client = MlflowClient(mlflow_server.url)
    remote = client.get_run(mark.run_id)
    assert len(remote.data.params) == len(odd)
    assert len(remote.data.metrics) == 3
    assert remote.data.params["emoji"] == "⚽"
    notes = remote.data.tags["tracking.notes"]
    for words in ("'long' is cut", "'größe/§' is named", "metric 'loss' is nan at step 0"):
        assert words in notes
    sent = client.download_artifacts(mark.run_id, "tracking/journal.jsonl", str(tmp_path))
    assert Path(sent).read_bytes() == journal.journal_path(run.folder).read_bytes()


def test_a_run_without_a_first_record_does_not_hold_up_the_others(start, tmp_path, capsys):
    """The training process was killed while it was writing its first record."""
    run = finished(start, f"sqlite:///{tmp_path}/mlflow.db")
    journal_writer.Journal(tmp_path / "killed").close()
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    assert "killed: killed before its first record" in capsys.readouterr().out
    assert differences(run, "local:../mlflow.db") == []
    assert not journal.begun(tmp_path / "killed")
