"""Makes small runs for the tracking tests, and reads their content from folders and servers."""

import json
import os
import shutil
from pathlib import Path

from common import tracking
from common.tracking import Server, choose_server, journal, server_state
from common.tracking.server_choice import uri_of
from mlflow_mirror.mlflow_settings import prepare
from mlflow_mirror.send_run import Sender

AWAY = Server("http://127.0.0.1:9", "", "http://127.0.0.1:9")


def train(run, epochs) -> None:
    for epoch in epochs:
        run.metrics({"loss": 1 / (epoch + 1), "val_auroc": 0.9 + epoch / 1000}, step=epoch)


def add_files(run) -> None:
    (run.folder / "metrics.csv").write_text("epoch,loss\n1,0.5\n")
    (run.folder / "large.bin").write_bytes(bytes(range(256)) * 8000)
    (run.folder / "empty.txt").write_text("")
    run.artifact("metrics.csv")
    run.artifact("large.bin", "files")
    run.artifact("empty.txt")
    run.dataset("patches", digest="ab" * 32, source="https://archive/x.h5", context="training", patches=100)


def send(run, seconds=30):
    """Sends all pending records, with a time limit of `seconds` per request; `proxy` restores the previous limit."""
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(seconds)
    prepare()
    sender = Sender(run.folder, journal.servers(run.folder)[0])
    with sender.lock:
        return sender.step()


def remote_tags(run, url):
    from mlflow.tracking import MlflowClient

    return MlflowClient(url).get_run(server_state.load(run.folder, url).run_id).data.tags


def finished(start, uri, name="run", epochs=3):
    run = start(uri, name)
    for epoch in range(epochs):
        run.metrics({"loss": 1.0 / (epoch + 1)}, step=epoch)
    run.finish("FINISHED")
    return run.folder


def edit(run: Path, change) -> None:
    """Lets `change` edit the list of the journal's records, and writes the list back to the journal."""
    path = journal.journal_path(run)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    change(records)
    path.write_text("".join(record if isinstance(record, str) else json.dumps(record) + "\n" for record in records))
    shutil.rmtree(run / "tracking" / "servers", ignore_errors=True)


def records(run):
    return [record for _, record in journal.read(run)]


def begin(folder, server=AWAY, resume=False, **keywords):
    return tracking.start(folder, server, tracking.RunInfo("e", "n", **keywords), resume)


def parent_of(run, target):
    from mlflow.tracking import MlflowClient

    remote = MlflowClient(uri_of(run, target)).get_run(server_state.load(run, target).run_id)
    return remote.data.tags["mlflow.parentRunId"]


def finished_locally(folder: Path) -> Path:
    run = tracking.start(folder / "run", choose_server("local", folder), tracking.RunInfo("e", "run"))
    (run.folder / "a.txt").write_text("x")
    run.artifact("a.txt")
    run.finish("FINISHED", wait_s=0)
    return run.folder
