"""Provides servers and runs for the tracking and mlflow_mirror tests."""

import pytest

from common import tracking
from common.tracking import server_choice
from common.tracking.mirror_process import MirrorProcess
from common.tracking.server_choice import Server

from .fault_proxy import FaultProxy

SECRET = b"the private key of whoever runs sync"


@pytest.fixture(params=["3", "2.14"])
def mlflow_server(request):
    """Provides one server for each MLflow version that the team may use."""
    return request.getfixturevalue("mlflow_3" if request.param == "3" else "mlflow_2")


@pytest.fixture
def proxy(mlflow_server, monkeypatch):
    """Puts a proxy that misbehaves in front of the server."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    with FaultProxy(mlflow_server.port) as proxy:
        yield proxy


@pytest.fixture
def no_mirror(monkeypatch):
    """Switches off the process that sends runs: runs only write to their folders, and the test sends the records."""
    monkeypatch.setattr(MirrorProcess, "start", lambda self: None)


@pytest.fixture
def start(tmp_path, no_mirror, monkeypatch):
    """Returns a function that starts a run in tmp_path/NAME with the server `uri`."""

    def start(uri: str, name: str = "run", **keywords):
        server = Server(uri, "", uri)
        monkeypatch.setitem(
            server_choice.NAMES, uri, uri
        )  # makes the server trusted; nothing would be sent to a server named only in the run's folder
        keywords = {"parameters": {"filters": "8 8 16 16", "dense": 64}, "tags": {"commit": "0123"}, **keywords}
        return tracking.start(tmp_path / name, server, tracking.RunInfo("faults", name, **keywords))

    return start


@pytest.fixture
def run(start, tmp_path):
    """Makes a finished run with one file, to be sent to the local store beside its folder."""
    run = start(f"sqlite:///{tmp_path}/mlflow.db")
    (run.folder / "model.bin").write_bytes(b"weights")
    run.artifact("model.bin", "files")
    run.metrics({"loss": 1.0}, step=0)
    run.finish("FINISHED")
    (tmp_path / "secret").write_bytes(SECRET)
    return run.folder


@pytest.fixture(autouse=True)
def quiet_home(tmp_path_factory, monkeypatch):
    """Makes an empty home folder, so that no ~/.mlflow/credentials is used."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
