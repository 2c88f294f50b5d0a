"""No untrusted run folder can make sync send the user's other files, or a password to a server that only it names."""

import re
import shutil

import pytest

from common.tracking import server_state, trusted_servers
from mlflow_mirror.__main__ import main

from ..common.tracking.fault_proxy import FaultProxy
from ..common.tracking.mlflow_server import differences
from ..common.tracking.small_runs import edit

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other


@pytest.mark.parametrize("kind", ["folder", "marks", "lock", "journal"])
def test_nothing_is_written_through_a_link(run, tmp_path, kind, capsys):
    """Lock files are emptied and journals are extended; through a link, this would damage another file of the user."""
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
        name = {"lock": "alive.lock", "journal": "journal.jsonl"}[kind]
        (tracking / name).unlink(missing_ok=True)
        (tracking / name).symlink_to(mine / "file")
    for command in ("status", "sync"):
        main([command, "--output-dir", str(tmp_path)])
    assert {path.name: path.read_text() for path in mine.iterdir()} == {"file": "kept"}


def test_a_server_named_only_in_the_folder_gets_nothing_and_the_message_says_how_to_send(
    run, mlflow_3, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret-word")
    with FaultProxy(mlflow_3.port) as stranger:
        edit(run, lambda records: records[0].update(servers=[stranger.url]))
        assert main(["sync", "--output-dir", str(tmp_path)]) == 1
        assert stranger.requests == []
        said = capsys.readouterr().out
        command = re.search(r"mlflow_mirror (sync .*)", said)[1].split()
        assert command == ["sync", str(run), "--to", stranger.url]
        assert main(command) == 0
        assert stranger.requests


def test_a_server_from_the_environment_counts_as_named_by_the_user(run, mlflow_3, monkeypatch):
    edit(run, lambda records: records[0].update(servers=[mlflow_3.url]))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_3.url + "/")
    assert main(["sync", str(run)]) == 0


def test_a_server_named_only_in_a_mark_gets_nothing_either(run, mlflow_3, tmp_path):
    with FaultProxy(mlflow_3.port) as stranger:
        server_state.save(run, server_state.Mark(stranger.url))
        assert main(["sync", "--output-dir", str(tmp_path)]) == 1
        assert stranger.requests == []


@pytest.mark.parametrize(
    "name",
    ["http://mlflow.berlin-united.com", "https://mlflow.berlin-united.com@127.0.0.1:1", "local:../../nowhere/x.db"],
)
def test_a_server_that_only_resembles_a_named_one_is_not_trusted(run, name):
    assert not trusted_servers.may_be_sent(run, name, trusted_servers.named_now())


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
        monkeypatch.undo()  # so that the resumed run starts the process that sends runs
        local = f"sqlite:///{tmp_path}/mlflow.db"
        resumed = tracking.start(run, Server(local, "", local), tracking.RunInfo("e", "run"), resume=True)
        said = resumed.finish("FINISHED", wait_s=60)
        assert stranger.requests == []
        assert f"--to {stranger.url}" in said


def test_a_run_that_cannot_be_sent_does_not_hold_up_the_others(run, start, tmp_path, capsys):
    other = start(f"sqlite:///{tmp_path}/mlflow.db", "zz-other")
    other.finish("FINISHED")
    edit(run, lambda records: records[0].update(uuid="' OR 1"))
    shutil.copytree(run, tmp_path / "linked")
    (tmp_path / "linked" / "tracking" / "notes").symlink_to("/etc/passwd")
    edit(tmp_path / "linked", lambda records: records[0].update(uuid="ab"))
    assert main(["sync", "--output-dir", str(tmp_path)]) == 1
    assert differences(other.folder, "local:../mlflow.db") == []
    assert "linked is skipped" in capsys.readouterr().out


def test_a_mark_with_the_id_of_another_run_changes_nothing_in_that_run(run, start, mlflow_3, tmp_path):
    from mlflow.tracking import MlflowClient

    victim = start(mlflow_3.url, "victim")
    victim.finish("FINISHED")
    assert main(["sync", "victim", "--output-dir", str(tmp_path)]) == 0
    mark = server_state.load(victim.folder, mlflow_3.url)
    server_state.save(run, server_state.Mark(mlflow_3.url, run_id=mark.run_id, experiment_id=mark.experiment_id))
    main(["sync", "run", "--output-dir", str(tmp_path)])
    assert "loss" not in MlflowClient(mlflow_3.url).get_run(mark.run_id).data.metrics
    assert differences(run, mlflow_3.url) == differences(victim.folder, mlflow_3.url) == []
