"""`python -m common.tracking sync | status`."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from common.errors import UserError
from common.tracking import journal, journal_writer, server_state, sync_and_status
from common.tracking.__main__ import main
from common.tracking.pending import pending
from common.tracking.server_choice import uri_of

from ...tiny import ROOT
from .fault_proxy import Fault, FaultProxy, wait_until
from .mlflow_server import differences

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other


def finished(start, uri, name="run", epochs=3):
    run = start(uri, name)
    for epoch in range(epochs):
        run.metrics({"loss": 1.0 / (epoch + 1)}, step=epoch)
    run.finish("FINISHED")
    return run.folder


def test_a_run_that_is_sent_twice_exists_once(mlflow_server, start, tmp_path):
    run = finished(start, mlflow_server.url)
    for _ in range(2):
        assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    server_state.mark_path(run, mlflow_server.url).unlink()  # as if the folder had been copied without its marks
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    assert differences(run, mlflow_server.url) == []


def test_doubles_that_a_hung_server_made_are_removed(mlflow_server, start, tmp_path):
    from mlflow.tracking import MlflowClient

    run = finished(start, mlflow_server.url)
    client = MlflowClient(mlflow_server.url)
    experiment = client.get_experiment_by_name("faults") or client.get_experiment(client.create_experiment("faults"))
    for late in range(3):
        client.create_run(
            experiment.experiment_id, journal.header(run)["t"] + late, {"run.uuid": journal.header(run)["uuid"]}
        )
    assert main(["sync", str(run)]) == 0
    assert differences(run, mlflow_server.url) == []


def test_a_run_can_be_mirrored_to_another_server(mlflow_server, start, tmp_path, capsys):
    run = finished(start, f"sqlite:///{tmp_path}/mlflow.db")
    assert main(["sync", "run", "--output-dir", str(tmp_path), "--to", mlflow_server.url]) == 0
    assert differences(run, mlflow_server.url) == []
    assert main(["status", "--output-dir", str(tmp_path)]) == 1  # the local store does not have it yet
    out = capsys.readouterr().out
    assert f"{mlflow_server.url}/#/experiments/" in out
    assert f"{tmp_path}/mlflow.db: lacks 7 records" in out
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    assert main(["status", "--output-dir", str(tmp_path)]) == 0
    assert differences(run, "local:../mlflow.db") == []


def test_a_run_is_below_its_parent_on_every_server(mlflow_server, start, tmp_path):
    """This does not depend on which is sent first; each server has its own id for the parent."""
    local = f"sqlite:///{tmp_path}/mlflow.db"
    grid = start(local, "z-grid")
    child = start(local, "child", parent=grid.uuid)
    for run in (grid, child):
        run.metrics({"loss": 1.0}, step=0)
        run.finish("FINISHED")
    assert main(["sync", str(child.folder), "--to", mlflow_server.url]) == 1
    assert pending(child.folder, mlflow_server.url).words() == "its place under its parent run"
    assert main(["sync", "--output-dir", str(tmp_path), "--to", mlflow_server.url]) == 0
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    for uri in (mlflow_server.url, "local:../mlflow.db"):
        assert differences(grid.folder, uri) == differences(child.folder, uri) == []
        assert parent_of(child.folder, uri) == server_state.load(grid.folder, uri).run_id
    assert parent_of(child.folder, mlflow_server.url) != parent_of(child.folder, "local:../mlflow.db")


def parent_of(run, target):
    from mlflow.tracking import MlflowClient

    remote = MlflowClient(uri_of(run, target)).get_run(server_state.load(run, target).run_id)
    return remote.data.tags["mlflow.parentRunId"]


def test_a_parent_that_comes_back_as_another_run_is_found(mlflow_server, start, tmp_path):
    from mlflow.tracking import MlflowClient

    grid = start(mlflow_server.url, "grid")
    child = start(mlflow_server.url, "child", parent=grid.uuid)
    grid.finish("FINISHED")
    child.finish("FINISHED")
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    MlflowClient(mlflow_server.url).delete_run(server_state.load(grid.folder, mlflow_server.url).run_id)
    server_state.mark_path(grid.folder, mlflow_server.url).unlink()
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    assert parent_of(child.folder, mlflow_server.url) == server_state.load(grid.folder, mlflow_server.url).run_id


def test_sync_ends_runs_whose_process_died(mlflow_3, start, tmp_path, capsys):
    run = start(mlflow_3.url)
    run.metrics({"loss": 1.0}, step=0)
    assert main(["status", "--output-dir", str(tmp_path)]) == 1
    assert "RUNNING" in capsys.readouterr().out
    run._alive.release()  # as the kernel does when a process dies
    assert main(["status", "--output-dir", str(tmp_path)]) == 1
    assert "died (sync ends it as KILLED)" in capsys.readouterr().out
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
    assert "1 of 4 mirrors have everything" in out
    assert differences(here, proxy.url) == []
    assert [server_state.load(run, "http://127.0.0.1:9").offset for run in away] == [0, 0, 0]


def test_an_interrupted_sync_resumes_where_it_stopped(proxy, start, tmp_path):
    run = start(proxy.url)
    for epoch in range(300):
        run.metrics({f"metric_{i}": epoch for i in range(20)}, step=epoch)
    run.finish("FINISHED")
    from common.tracking.mirror.mlflow_settings import prepare
    from common.tracking.mirror.send import Sender

    prepare()
    batches = []

    def stop(count):
        batches.append(count)
        if len(batches) == 3:
            proxy.fault = Fault("hang up")

    assert Sender(run.folder, proxy.url, stop).step().kind == "away"
    proxy.fault = Fault()
    proxy.requests.clear()
    assert main(["sync", str(run.folder)]) == 0
    again = [path for _, path in proxy.requests if path.endswith("log-batch")]
    assert 0 < len(again) <= 4
    assert differences(run.folder, proxy.url) == []


@pytest.mark.parametrize(
    ("number", "status"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGKILL, -9)]
)
def test_a_sync_that_is_stopped_in_an_upload_resumes(number, status, mlflow_3, start):
    with FaultProxy(mlflow_3.port) as proxy:
        run = start(proxy.url)
        for epoch in range(3):
            run.metrics({"loss": 1.0}, step=epoch)
        for name in ("first.txt", "second.txt"):
            (run.folder / name).write_text(name)
            run.artifact(name)
        run.finish("FINISHED")
        proxy.fault = Fault("silent", only="second.txt")
        command = [sys.executable, "-m", "common.tracking", "sync", str(run.folder), "--to", proxy.url]
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
        assert main(["sync", str(tmp_path / "run"), "--to", mlflow_3.url]) in (
            0,
            1,
        )  # by its mirror or by us, depending on who has the lock
    process.communicate()
    assert main(["sync", str(tmp_path / "run"), "--to", mlflow_3.url]) == 0
    assert differences(tmp_path / "run", mlflow_3.url) == []


def test_a_run_that_somebody_deleted_stays_deleted(mlflow_server, start, tmp_path, capsys):
    from mlflow.tracking import MlflowClient

    run = finished(start, mlflow_server.url)
    assert main(["sync", str(run)]) == 0
    client, run_id = MlflowClient(mlflow_server.url), server_state.load(run, mlflow_server.url).run_id
    client.delete_run(run_id)
    assert main(["sync", str(run)]) == 0
    assert main(["status", str(run)]) == 0
    assert "somebody deleted the run there" in capsys.readouterr().out
    client.restore_run(run_id)
    assert main(["sync", str(run)]) == 0
    assert differences(run, mlflow_server.url) == []


def test_a_server_from_a_backup_gets_what_it_forgot(mlflow_server, start, tmp_path):
    """A backup has the run without its last epochs; here a mark that claims more than was sent has the same effect."""
    run = start(mlflow_server.url)
    run.metrics({"loss": 1.0}, step=0)
    assert main(["sync", str(run.folder)]) == 0
    for epoch in range(1, 5):
        run.metrics({"loss": 1.0}, step=epoch)
    mark = server_state.load(run.folder, mlflow_server.url)
    mark.offset = journal.journal_path(run.folder).stat().st_size
    server_state.save(run.folder, mark)
    run.finish("FINISHED")
    assert main(["sync", str(run.folder)]) == 0
    assert differences(run.folder, mlflow_server.url) == []


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


@pytest.mark.parametrize("arguments", [["sync", "nowhere"], ["status", "nowhere"], ["sync", "--to", "nonsense"]])
def test_bad_input_is_one_line(arguments, tmp_path):
    with pytest.raises(UserError):
        main([*arguments, "--output-dir", str(tmp_path)])
    if "--to" not in arguments:
        with pytest.raises(UserError, match="nowhere"):
            sync_and_status.find_runs([tmp_path / "nowhere"], tmp_path)


def test_names_and_values_that_mlflow_refuses_are_visible_there(mlflow_server, start, tmp_path):
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


def test_the_commands_look_where_runs_are_put(monkeypatch, tmp_path):
    """In a container this is the mounted folder. In another one, sync would find no run and say that all were sent."""
    from common.tracking.__main__ import parse_args

    monkeypatch.setenv("BALL_OUTPUT_DIR", str(tmp_path))
    assert parse_args(["sync"]).output_dir == tmp_path
    assert parse_args(["status", "--output-dir", "elsewhere"]).output_dir.name == "elsewhere"


def test_a_run_without_a_first_record_keeps_no_other_from_being_sent(start, tmp_path, capsys):
    """Its training process was killed while writing that record."""
    run = finished(start, f"sqlite:///{tmp_path}/mlflow.db")
    journal_writer.Journal(tmp_path / "killed").close()
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    assert "killed: nothing is known of it" in capsys.readouterr().out
    assert differences(run, "local:../mlflow.db") == []
    assert not journal.begun(tmp_path / "killed")


def test_a_model_as_older_runs_recorded_it_arrives_as_a_file(mlflow_server, start, tmp_path):
    from mlflow.tracking import MlflowClient

    run = start(mlflow_server.url)
    (run.folder / "model.keras").write_bytes(b"weights")
    run._append("model", path="model.keras", name="model", inputs=[-1, 16, 16, 1], outputs=[-1, 1])
    run.finish("FINISHED")
    for _ in range(2):
        assert main(["sync", "--output-dir", str(tmp_path)]) == 0
        mark = server_state.load(run.folder, mlflow_server.url)
        file = MlflowClient(mlflow_server.url).download_artifacts(mark.run_id, "model/model.keras", str(tmp_path))
        assert Path(file).read_bytes() == b"weights"
        assert set(mark.files) == {"model"}
