"""Other people's run folders: sync sends none of the user's files, and no password to a server named only there."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from common.tracking import journal, server_choice, server_state
from common.tracking.__main__ import main
from common.tracking.mirror.mlflow_settings import prepare
from common.tracking.mirror.send import Sender

from .fault_proxy import FaultProxy
from .mlflow_server import differences

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other
SECRET = b"the private key of whoever runs sync"


@pytest.fixture
def run(start, tmp_path):
    """A finished run for the local store beside it, with one file."""
    run = start(f"sqlite:///{tmp_path}/mlflow.db")
    (run.folder / "model.bin").write_bytes(b"weights")
    run.artifact("model.bin", "files")
    run.metrics({"loss": 1.0}, step=0)
    run.finish("FINISHED")
    (tmp_path / "secret").write_bytes(SECRET)
    return run.folder


def edit(run: Path, change) -> None:
    """Passes the list of the journal's records to `change` and writes it back."""
    path = journal.journal_path(run)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    change(records)
    path.write_text("".join(record if isinstance(record, str) else json.dumps(record) + "\n" for record in records))
    shutil.rmtree(run / "tracking" / "servers", ignore_errors=True)


def artifact(path: str) -> dict:
    return {"kind": "artifact", "t": 1, "path": path, "folder": ""}


def sent_secrets(tmp_path) -> list[Path]:
    places = [path for path in (tmp_path / "mlartifacts").rglob("*") if path.is_file()]
    return [path for path in places if path.read_bytes() == SECRET]


@pytest.mark.parametrize("path", ["../secret", "{tmp}/secret", "x/../../secret", "./../secret"])
def test_a_path_that_leaves_the_folder_is_not_sent(run, tmp_path, path, capsys):
    edit(run, lambda records: records.insert(-1, artifact(path.format(tmp=tmp_path))))
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    assert re.search(r"run: left out of its journal, line \d+: artifact with a wrong", capsys.readouterr().out)
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
    """The file is replaced after our check and before MLflow opens it by its name."""
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


@pytest.mark.parametrize("kind", ["folder", "marks", "lock", "log", "journal"])
def test_nothing_is_written_through_a_link(run, tmp_path, kind, capsys):
    """Locks are emptied and logs appended to, so a link in their place could damage any file of the user."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "file").write_text("kept")
    tracking = run / "tracking"
    if kind == "folder":
        tracking.rename(tmp_path / "elsewhere")
        tracking.symlink_to(tmp_path / "elsewhere")
    elif kind == "marks":
        shutil.rmtree(tracking / "servers", ignore_errors=True)
        (tracking / "servers").symlink_to(mine)
    else:
        name = {"lock": "alive.lock", "log": "mirror.log", "journal": "journal.jsonl"}[kind]
        (tracking / name).unlink(missing_ok=True)
        (tracking / name).symlink_to(mine / "file")
    for command in ("status", "sync"):
        main([command, "--output-dir", str(tmp_path)])
    assert {path.name: path.read_text() for path in mine.iterdir()} == {"file": "kept"}


def test_a_server_that_only_the_folder_names_gets_nothing_and_the_line_says_how_to_send(
    run, mlflow_3, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret-word")
    with FaultProxy(mlflow_3.port) as stranger:
        edit(run, lambda records: records[0].update(servers=[stranger.url]))
        assert main(["sync", "--output-dir", str(tmp_path)]) == 1
        assert stranger.requests == []
        said = capsys.readouterr().out
        command = re.search(r"common/tracking (sync .*)", said)[1].split()
        assert command == ["sync", str(run), "--to", stranger.url]
        assert main(command) == 0
        assert stranger.requests


def test_the_server_of_the_environment_is_one_that_the_user_names(run, mlflow_3, monkeypatch):
    edit(run, lambda records: records[0].update(servers=[mlflow_3.url]))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_3.url + "/")
    assert main(["sync", str(run)]) == 0


def test_a_server_that_only_a_mark_names_gets_nothing_either(run, mlflow_3, tmp_path):
    with FaultProxy(mlflow_3.port) as stranger:
        server_state.save(run, server_state.Mark(stranger.url))
        assert main(["sync", "--output-dir", str(tmp_path)]) == 1
        assert stranger.requests == []


@pytest.mark.parametrize("name", ["http://mlflow.berlin-united.com", "https://mlflow.berlin-united.com@127.0.0.1:1"])
def test_an_address_that_looks_like_the_teams_is_not_the_teams(run, name):
    assert not server_choice.may_be_sent(run, name, server_choice.named_now())


def test_a_database_of_the_user_is_not_turned_into_a_store(run, tmp_path):
    other = tmp_path / "home" / "other.db"
    other.parent.mkdir()
    edit(run, lambda records: records[0].update(servers=["local:../home/other.db"]))
    assert main(["sync", "--output-dir", str(tmp_path)]) == 1
    assert list(other.parent.iterdir()) == []


def test_a_resumed_run_does_not_send_the_password_to_a_server_named_in_its_folder(run, mlflow_3, tmp_path, monkeypatch):
    from common import tracking
    from common.tracking.server_choice import Server

    with FaultProxy(mlflow_3.port) as stranger:
        edit(run, lambda records: records[0].update(servers=[stranger.url]))
        monkeypatch.undo()  # with a mirror
        local = f"sqlite:///{tmp_path}/mlflow.db"
        resumed = tracking.start(run, Server(local, "", local), experiment="e", name="run", resume=True)
        said = resumed.finish("FINISHED", wait_s=60)
        assert stranger.requests == []
        assert f"--to {stranger.url}" in said


BAD = [
    '{"kind":"metrics","t":1}\n',
    "[]\n",
    "null\n",
    '{"kind":"metrics","t":1,"step":1e999,"values":{"a":1}}\n',
    '{"kind":"metrics","t":1e30,"step":1,"values":{"a":1}}\n',
    '{"kind":"metrics","t":1,"step":1,"values":{"a":[1]}}\n',
    '{"kind":"status","t":1,"status":"DONE"}\n',
    '{"kind":"status","t":1,"status":[]}\n',
    '{"kind":"parameters","t":1,"values":[1]}\n',
    '{"kind":"dataset","t":1,"name":"x"}\n',
    '{"kind":"model","t":1,"path":"model.bin","name":["m"]}\n',
    '{"kind":"resume","t":1,"servers":[7]}\n',
    "[" * 100_000 + "\n",
    '{"kind":"tags","t":1,"values":{"a":"' + "x" * 3_000_000 + '"}}\n',
]


@pytest.mark.parametrize("line", BAD)
def test_a_bad_record_is_skipped_with_one_line(run, tmp_path, line, capsys):
    edit(run, lambda records: records.insert(2, line))
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    assert "run: left out of its journal, line 3: " in capsys.readouterr().out
    assert differences(run, "local:../mlflow.db") == []


def test_a_run_that_cannot_be_sent_does_not_hold_up_the_others(run, start, tmp_path, capsys):
    other = start(f"sqlite:///{tmp_path}/mlflow.db", "zz-other")
    other.finish("FINISHED")
    edit(run, lambda records: records[0].update(uuid="' OR 1"))
    shutil.copytree(run, tmp_path / "linked")
    (tmp_path / "linked" / "tracking" / "mirror.log").symlink_to("/etc/passwd")
    edit(tmp_path / "linked", lambda records: records[0].update(uuid="ab"))
    assert main(["sync", "--output-dir", str(tmp_path)]) == 1
    assert differences(other.folder, "local:../mlflow.db") == []
    assert "linked is left alone" in capsys.readouterr().out


def test_a_mark_of_another_run_does_not_write_into_that_one(run, start, mlflow_3, tmp_path):
    from mlflow.tracking import MlflowClient

    victim = start(mlflow_3.url, "victim")
    victim.finish("FINISHED")
    assert main(["sync", "victim", "--output-dir", str(tmp_path)]) == 0
    mark = server_state.load(victim.folder, mlflow_3.url)
    server_state.save(run, server_state.Mark(mlflow_3.url, run_id=mark.run_id, experiment_id=mark.experiment_id))
    main(["sync", "run", "--output-dir", str(tmp_path)])
    assert "loss" not in MlflowClient(mlflow_3.url).get_run(mark.run_id).data.metrics
    assert differences(run, mlflow_3.url) == differences(victim.folder, mlflow_3.url) == []


@pytest.mark.parametrize("change", [{"offset": -5}, {"offset": "x"}, {"files": []}, {"files": {"a": 1}}, {"fault": 7}])
def test_an_edited_mark_is_ignored(run, tmp_path, change):
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    path = server_state.mark_path(run, "local:../mlflow.db")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert main(["status", "--output-dir", str(tmp_path)]) == 1
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    assert differences(run, "local:../mlflow.db") == []
