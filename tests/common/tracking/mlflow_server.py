"""Runs real MLflow servers on loopback, and compares their contents with run folders."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from common.tracking import journal
from common.tracking.server_choice import uri_of

from .fault_proxy import wait_until

MLFLOW = Path(sys.executable).with_name("mlflow")


def mlflow_214() -> Path:
    """Returns the `mlflow` command of MLflow 2.14: BALL_MLFLOW_214, or the command that `make test-slow` installs."""
    place = Path(os.environ.get("BALL_MLFLOW_214") or Path(sys.prefix) / "mlflow-2.14/bin/mlflow")
    if not place.exists():
        pytest.skip("make test-slow installs MLflow 2.14 for this test")
    return place


class MlflowServer:
    """Runs `mlflow server` on a free port with its own database; the server can be killed and restarted."""

    def __init__(self, folder: Path, mlflow: Path = MLFLOW):
        self.folder, self.mlflow = folder, mlflow
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
        environment |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
        arguments = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1", "--serve-artifacts"]
        arguments += ["--backend-store-uri", f"sqlite:///{self.folder}/server.db"]
        arguments += ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.mlflow), "server", *arguments],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
            )
        try:
            wait_until(self._answers, 600)  # starting takes minutes if thirty programs share two cores
        except BaseException:
            self.kill()  # otherwise the server would outlive the tests
            raise

    def kill(self) -> None:
        """Sends SIGKILL to the server and all its workers."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def poll(self) -> int | None:
        """Returns the server's exit status, or None while it is running."""
        return self._process.poll()

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
            return answer.status == 200
        return False


def differences(run: Path, target: str) -> list[str]:
    """Lists how the server's run differs from the run folder; reads the journal without the code under test."""
    from mlflow.tracking import MlflowClient

    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    client, head = MlflowClient(uri_of(run, target)), journal.header(run)
    experiment = client.get_experiment_by_name(head["experiment"])
    found = client.search_runs([experiment.experiment_id], f"tags.`run.uuid` = '{head['uuid']}'") if experiment else []
    if len(found) != 1:
        return [f"found the run {len(found)} times"]
    remote = found[0]
    points, parameters, tags, files, datasets, status = Counter(), {}, {}, {}, set(), "RUNNING"
    for _, record in journal.read(run):
        if record["kind"] == "metrics":
            points.update((k, float(v), record["t"], record["step"]) for k, v in record["values"].items())
        elif record["kind"] == "parameters":
            parameters = record["values"] | parameters
        elif record["kind"] == "tags":
            tags |= record["values"]
        elif record["kind"] == "artifact":
            files[f"{record['folder']}/{Path(record['path']).name}".lstrip("/")] = run / record["path"]
        elif record["kind"] == "dataset":
            datasets.add((record["name"], record["digest"][:36]))
        elif record["kind"] == "status":
            status = record["status"]
        elif record["kind"] == "resume":
            status = "RUNNING"
    history = [m for key in {p[0] for p in points} for m in client.get_metric_history(remote.info.run_id, key)]
    there = Counter((m.key, m.value, m.timestamp, m.step) for m in history)
    wrong = [f"metric points that only the folder has: {points - there}"] if points - there else []
    wrong += [f"metric points that only the server has: {there - points}"] if there - points else []
    wrong += [f"parameters {remote.data.params}, not {parameters}"] if remote.data.params != parameters else []
    wrong += [f"tag {k}: {remote.data.tags.get(k)}, not {v}" for k, v in tags.items() if remote.data.tags.get(k) != v]
    wrong += [f"status {remote.info.status}, not {status}"] if remote.info.status != status else []
    inputs = {(i.dataset.name, i.dataset.digest) for i in remote.inputs.dataset_inputs}
    wrong += [f"datasets {inputs}, not {datasets}"] if inputs != datasets else []
    with tempfile.TemporaryDirectory() as folder:
        for place, path in files.items():
            try:
                same = (
                    Path(client.download_artifacts(remote.info.run_id, place, folder)).read_bytes() == path.read_bytes()
                )
            except Exception as error:
                same, place = False, f"{place} ({error})"
            wrong += [] if same else [f"file {place}"]
    return wrong


@pytest.fixture(scope="session")
def mlflow_3(tmp_path_factory):
    """Starts one server for all tests."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow3"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def mlflow_2(tmp_path_factory):
    """Starts one server with MLflow 2.14, which is installed in a separate environment."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow2"), mlflow_214())
    yield server
    server.kill()
