"""A value that a server cannot store blocks no other value; a server failure is not mistaken for a bad value."""

import pytest

from mlflow_mirror.__main__ import main
from mlflow_mirror.mlflow_settings import prepare
from mlflow_mirror.send_run import REFUSED_TAG, Sender

from ..common.tracking.fault_proxy import Fault
from ..common.tracking.mlflow_server import differences
from ..common.tracking.small_runs import remote_tags, send, train

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other


def test_a_server_that_fails_for_a_long_time_is_not_mistaken_for_a_bad_value(proxy, start):
    run = start(proxy.url)
    assert send(run) is None
    train(run, range(3))
    proxy.fault = Fault("status", 500)
    prepare()
    sender = Sender(run.folder, proxy.url)
    assert [sender.step().kind for _ in range(5)] == ["away"] * 5
    proxy.fault = Fault()
    run.finish("FINISHED")
    assert sender.step() is None
    assert differences(run.folder, proxy.url) == []


def test_a_value_that_breaks_the_server_does_not_hold_up_the_others(proxy, start, monkeypatch):
    run = start(proxy.url, parameters={f"p{i}": i for i in range(20)})
    prepare()
    sender = Sender(run.folder, proxy.url)
    assert sender.step() is None
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    original = MlflowClient.log_batch

    def picky(self, run_id, metrics=(), params=(), tags=(), **keywords):
        """Behaves like a database that cannot store one of the values, here the tag `bad`."""
        if any(tag.key == "bad" for tag in tags):
            raise MlflowException("API request failed with error code 500 != 200")
        return original(self, run_id, metrics, params, tags, **keywords)

    monkeypatch.setattr(MlflowClient, "log_batch", picky)
    run.tags({"good": 1, "bad": 2, "fine": 3})
    train(run, range(3))
    run.finish("FINISHED")
    assert [fault and fault.kind for fault in (sender.step(), sender.step(), sender.step())] == ["away", "away", None]
    assert differences(run.folder, proxy.url) == ["tag bad: None, not 2"]
    assert "tag bad" in remote_tags(run, proxy.url)[REFUSED_TAG]
    monkeypatch.undo()
    assert send(run) is None  # a later sync tries again
    assert differences(run.folder, proxy.url) == []


def test_an_interrupted_sync_resumes_where_it_stopped(proxy, start, tmp_path):
    run = start(proxy.url)
    for epoch in range(300):
        run.metrics({f"metric_{i}": epoch for i in range(20)}, step=epoch)
    run.finish("FINISHED")
    proxy.fault = Fault("hang up", only="log-batch", after=5)
    assert main(["sync", str(run.folder)]) == 1
    proxy.fault = Fault()
    proxy.requests.clear()
    assert main(["sync", str(run.folder)]) == 0
    again = [path for _, path in proxy.requests if path.endswith("log-batch")]
    assert 0 < len(again) <= 4
    assert differences(run.folder, proxy.url) == []
