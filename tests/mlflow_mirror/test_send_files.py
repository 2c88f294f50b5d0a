"""The right files of a run are sent, even if untrusted folders contain links and servers lose files."""

import os
from pathlib import Path

import pytest

from common.tracking import journal, server_state
from common.tracking.server_state import missing
from mlflow_mirror import sync_and_status
from mlflow_mirror.__main__ import main
from mlflow_mirror.mlflow_settings import prepare
from mlflow_mirror.send_run import REFUSED_TAG, Sender

from ..common.tracking.conftest import SECRET
from ..common.tracking.fault_proxy import Fault
from ..common.tracking.mlflow_server import differences
from ..common.tracking.small_runs import add_files, edit, remote_tags, send, train

pytestmark = [pytest.mark.usefixtures("no_mirror"), pytest.mark.filterwarnings("default")]


def test_a_file_that_the_server_does_not_list_is_reported_as_missing(mlflow_3, start, tmp_path, monkeypatch):
    run = start(mlflow_3.url, "lost")
    (run.folder / "a.txt").write_text("x")
    run.artifact("a.txt")
    run.finish("FINISHED")
    monkeypatch.setattr("mlflow.tracking.MlflowClient.log_artifact", lambda *_: None)  # as if the server kept no files
    assert sync_and_status.sync([run.folder], tmp_path) == 1
    assert missing(run.folder, mlflow_3.url) == "1 file (it was sent, but the server does not have it)"
    monkeypatch.undo()
    assert sync_and_status.sync([run.folder], tmp_path, mlflow_3.url) == 0
    assert "a.txt" in server_state.load(run.folder, mlflow_3.url).files


def artifact(path: str) -> dict:
    return {"kind": "artifact", "t": 1, "path": path, "folder": ""}


def sent_secrets(tmp_path) -> list[Path]:
    places = [path for path in (tmp_path / "mlartifacts").rglob("*") if path.is_file()]
    return [path for path in places if path.read_bytes() == SECRET]


@pytest.mark.parametrize("path", ["../secret", "{tmp}/secret", "x/../../secret", "./../secret"])
def test_a_path_that_leaves_the_folder_is_not_sent(run, tmp_path, path, capsys):
    edit(run, lambda records: records.insert(-1, artifact(path.format(tmp=tmp_path))))
    assert main(["sync", "--output-dir", str(tmp_path)]) == 1
    assert "there is no such plain file in the run folder" in capsys.readouterr().out
    assert sent_secrets(tmp_path) == []
    assert (tmp_path / "mlartifacts").is_dir()


def link_file(run, tmp_path):
    (run / "x").symlink_to(tmp_path / "secret")
    return "x"


def link_folder(run, tmp_path):
    (run / "folder").symlink_to(tmp_path)
    return "folder/secret"


def link_model(run, tmp_path):
    (run / "model.bin").unlink()
    (run / "model.bin").symlink_to(tmp_path / "secret")
    return "model.bin"


def pipe(run, tmp_path):
    os.mkfifo(run / "x")
    return "x"


@pytest.mark.parametrize("make", [link_file, link_folder, link_model, pipe])
def test_a_link_is_not_followed(run, tmp_path, make, capsys):
    edit(run, lambda records: records.insert(-1, artifact(make(run, tmp_path))))
    assert main(["sync", "--output-dir", str(tmp_path)]) == 1
    assert "there is no such plain file in the run folder" in capsys.readouterr().out
    assert sent_secrets(tmp_path) == []


def test_a_file_that_is_replaced_by_a_link_after_the_check_is_not_sent(run, tmp_path, monkeypatch):
    """The file is replaced after our check, but before MLflow opens it by its name."""
    prepare()
    sender = Sender(run, journal.servers(run)[0])

    with sender.lock:
        import mlflow.tracking

        original = mlflow.tracking.MlflowClient.log_artifact

        def log_artifact(self, *arguments):
            (run / "model.bin").unlink(missing_ok=True)
            (run / "model.bin").symlink_to(tmp_path / "secret")
            return original(self, *arguments)

        monkeypatch.setattr(mlflow.tracking.MlflowClient, "log_artifact", log_artifact)
        sender.step()
    assert sent_secrets(tmp_path) == []
    assert [path.read_bytes() for path in (tmp_path / "mlartifacts").rglob("model.bin")] == [b"weights"]


def test_a_file_that_is_too_large_does_not_hold_up_the_rest(proxy, start):
    run = start(proxy.url)
    add_files(run)
    train(run, range(3))
    run.finish("FINISHED")
    proxy.fault = Fault("status", 413, only="large.bin")
    assert send(run) is None
    proxy.fault = Fault()
    assert [wrong[:20] for wrong in differences(run.folder, proxy.url)] == ["file files/large.bin"]
    left = missing(run.folder, proxy.url)
    assert left == "1 file (too large for the server (413))"
    assert "large.bin" in remote_tags(run, proxy.url)[REFUSED_TAG]
    assert send(run) is None
    assert differences(run.folder, proxy.url) == []
    assert not remote_tags(run, proxy.url)[REFUSED_TAG]


def test_a_model_recorded_by_an_older_run_arrives_as_a_file(mlflow_server, start, tmp_path):
    from mlflow.tracking import MlflowClient

    run = start(mlflow_server.url)
    (run.folder / "model.keras").write_bytes(b"weights")
    run._journal.append("model", path="model.keras", name="model", inputs=[-1, 16, 16, 1], outputs=[-1, 1])
    run.finish("FINISHED")
    for _ in range(2):
        assert main(["sync", "--output-dir", str(tmp_path)]) == 0
        mark = server_state.load(run.folder, mlflow_server.url)
        file = MlflowClient(mlflow_server.url).download_artifacts(mark.run_id, "model/model.keras", str(tmp_path))
        assert Path(file).read_bytes() == b"weights"
        assert set(mark.files) == {"model/model.keras"}
