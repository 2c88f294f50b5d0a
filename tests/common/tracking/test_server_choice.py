import contextlib
import os
import sqlite3

import pytest

from common.errors import UserError
from common.tracking import choose_server, server_choice
from common.tracking.server_choice import resolve, target_of, uri_of

from .fault_proxy import Fault, FaultProxy


@pytest.fixture
def team(mlflow_3, monkeypatch):
    """Replaces the team's server: the name of the default server points to a proxy on loopback."""
    monkeypatch.setattr(server_choice, "PROBE_SECONDS", 60.0)  # on a busy machine the server answers late
    with FaultProxy(mlflow_3.port) as proxy:
        monkeypatch.setitem(server_choice.NAMES, "default", proxy.url + "/")
        yield proxy


def test_the_teams_server_is_the_default(team, tmp_path):
    server = choose_server(None, tmp_path)
    assert (server.uri, server.wanted) == (team.url, team.url)
    assert server.words == f"tracking on {team.url} (the team's server; it answers)"


def test_the_environment_comes_before_the_default_and_the_choice_before_both(team, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/own.db")
    server = choose_server(None, tmp_path)
    assert server.uri == f"sqlite:///{tmp_path}/own.db"
    assert "MLFLOW_TRACKING_URI" in server.words
    assert choose_server("local", tmp_path).uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert team.requests == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("silent"), ("no answer within 1 s", "it does not answer in time")),  # the probe or the request times out
        (Fault("status", 401), "credentials (401)"),
        (Fault("status", 403), "denies access (403)"),
        (Fault("status", 500), "it answers 500"),
        (Fault("status", 302), "it answers 302"),
        (Fault("garbage"), "does not answer like an MLflow server"),
        (Fault("hang up"), "it closed the connection"),
    ],
)
def test_an_unreachable_server_is_replaced_by_the_local_store_with_a_message(team, tmp_path, fault, words, monkeypatch):
    team.fault = fault
    if fault.kind == "silent":
        monkeypatch.setattr(server_choice, "PROBE_SECONDS", 1.0)
    server = choose_server(None, tmp_path)
    assert server.uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert server.wanted == team.url
    assert any(wanted in server.words for wanted in ([words] if isinstance(words, str) else words))
    assert "is not available" in server.words
    with pytest.raises(UserError, match="required but not available"):
        choose_server(None, tmp_path, require=True)


def test_a_server_that_refuses_connections_is_reported(team, tmp_path):
    team.refuse()
    assert "it refuses connections" in choose_server(None, tmp_path).words
    team.restore()


def test_credentials_are_sent_but_not_shown(team, tmp_path, monkeypatch):
    team.credentials = ("ada", "s3cret-word")
    assert "(401)" in choose_server(None, tmp_path).words
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret-word")
    server = choose_server(None, tmp_path)
    assert server.uri == team.url
    assert "s3cret" not in repr(server)


def test_credentials_from_mlflows_own_file_are_used(team, tmp_path, monkeypatch):
    team.credentials = ("ada", "100% s3cret")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text(
        "[mlflow]\nmlflow_tracking_username = ada\nmlflow_tracking_password = 100% s3cret\n"
    )
    assert choose_server(None, tmp_path).uri == team.url


@pytest.mark.parametrize(
    "choice",
    [
        "https://ada:s3cret@mlflow.example.org/",
        "https://s3cret@mlflow.example.org/",
        "https://ada:s3/c@ret@mlflow.example.org/x?y=s3cret",
        "postgresql://ada:s3cret@db/mlflow",
        "ada:s3cret@mlflow.example.org:5000",
    ],
)
def test_a_password_in_the_address_is_refused_and_not_printed(choice, tmp_path):
    with pytest.raises(UserError, match="must not contain credentials") as caught:
        choose_server(choice, tmp_path)
    assert "s3c" not in str(caught.value)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("deepL", "Did you mean deepl"),
        ("lokal", "Did you mean local"),
        ("nonsense", "must be one of"),
        ("http://", "host"),
        ("http://[::1", "host"),
        ("http://x:port", "host"),
        ("htps://mlflow.example.org", "begins with http"),
        ("mlflow.example.org:5000", "begins with http"),
        ("./mlruns", "begins with http"),  # MLflow 3 refuses to use a folder as a store
    ],
)
def test_an_invalid_choice_is_refused(choice, words, tmp_path):
    with pytest.raises(UserError, match=words):
        choose_server(choice, tmp_path)


def test_an_address_in_capitals_is_an_address(tmp_path):
    assert resolve("HTTPS://mlflow.example.org/", tmp_path) == "https://mlflow.example.org"


def test_local_stores_get_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve("local", "runs") == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert resolve("sqlite:///x.db", "runs") == f"sqlite:///{tmp_path}/x.db"
    assert resolve("sqlite:////home/a@b/x.db", "runs") == "sqlite:////home/a@b/x.db"
    assert choose_server("sqlite:///new/mlflow.db", "new").uri == choose_server("local", "new").uri


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere/deep/x.db", "its folder does not exist or is not writable"),
        ("notes.txt/x.db", "its folder does not exist or is not writable"),
        ("notes.txt", "it is not a writable database"),
        ("folder", "it is not a writable database"),
        ("pipe", "it is not a writable database"),
    ],
)
def test_a_local_store_that_cannot_be_opened_is_refused_and_nothing_is_created(tmp_path, name, why):
    (tmp_path / "notes.txt").write_text("call the referee")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=rf"^The local store cannot be used: {why}\. Received: sqlite:///{tmp_path}/"):
        choose_server(f"sqlite:///{tmp_path}/{name}", tmp_path / "runs")
    assert sorted(tmp_path.rglob("*")) == before
    for good in ("empty.db", "real.db"):
        with contextlib.closing(sqlite3.connect(tmp_path / good)) as store:
            store.execute("CREATE TABLE a (b)") if good == "real.db" else (tmp_path / good).touch()
        assert choose_server(f"sqlite:///{tmp_path}/{good}", tmp_path / "runs").uri.endswith(good)


def test_a_moved_run_folder_still_finds_its_local_store(tmp_path):
    target = target_of(tmp_path / "runs" / "a", f"sqlite:///{tmp_path}/runs/mlflow.db")
    assert target == "local:../mlflow.db"
    assert uri_of(tmp_path / "moved" / "a", target) == f"sqlite:///{tmp_path}/moved/mlflow.db"
    assert target_of(tmp_path, "https://server") == uri_of(tmp_path, "https://server") == "https://server"
