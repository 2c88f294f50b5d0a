"""The process that sends a run is replaced when it dies, and outlives a run that was killed."""

import sys
import time

import pytest

from common.tracking import Server, journal, server_state
from common.tracking.server_state import missing

from .fault_proxy import Fault, FaultProxy, wait_until
from .mlflow_server import differences
from .small_runs import begin

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other


def test_the_mirror_catches_up_by_itself(tmp_path, mlflow_3, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    with FaultProxy(mlflow_3.port) as proxy:
        proxy.fault = Fault("status", 503)
        run = begin(tmp_path / "run", Server(proxy.url, "", proxy.url))
        run.metrics({"loss": 1.0}, step=0)
        wait_until(lambda: server_state.load(run.folder, proxy.url).fault == "it is not ready (503)", 120)
        proxy.fault = Fault()
        wait_until(lambda: not missing(run.folder, proxy.url), 120)
        assert "RUNNING" in journal.last_status(run.folder)
        assert run.finish("FINISHED", wait_s=600).startswith(f"Tracked: {proxy.url}/#/experiments/")
        assert differences(run.folder, proxy.url) == []


def test_a_hung_server_does_not_delay_the_end_beyond_the_time_limit(tmp_path, mlflow_3):
    with FaultProxy(mlflow_3.port) as proxy:
        proxy.fault = Fault("silent")
        run = begin(tmp_path / "run", Server(proxy.url, "", proxy.url))
        wait_until(lambda: proxy.requests, 120)
        began = time.monotonic()
        line = run.finish("FINISHED", wait_s=1)
        assert time.monotonic() - began < 30  # much less than the 90 seconds that a request may take
        assert "Not yet on" in line
        assert run.mirror.process.poll() is not None


def test_a_mirror_that_died_is_replaced(tmp_path, mlflow_3):
    run = begin(tmp_path / "run", Server(mlflow_3.url, "", mlflow_3.url))
    run.mirror.process.kill()
    run.mirror.process.wait()
    run.metrics({"loss": 1.0}, step=0)
    assert run.finish("FINISHED", wait_s=600).startswith("Tracked: ")
    assert differences(run.folder, mlflow_3.url) == []


def test_a_mirror_that_cannot_start_does_not_stop_training(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    run = begin(tmp_path)
    run.metrics({"loss": 1.0}, step=0)
    assert "Not yet on" in run.finish("FINISHED")
    assert "nothing is sent during the run" in capfd.readouterr().err
