"""A run is on a server exactly once, complete and under its parent, regardless of what happens on the server."""

import pytest

from common.tracking import journal, server_state
from common.tracking.server_state import missing
from mlflow_mirror.__main__ import main

from ..common.tracking.mlflow_server import differences
from ..common.tracking.small_runs import finished, parent_of

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other


def test_a_run_that_is_sent_twice_exists_once(mlflow_server, start, tmp_path):
    run = finished(start, mlflow_server.url)
    for _ in range(2):
        assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    server_state.mark_path(run, mlflow_server.url).unlink()  # as if the folder had been copied without its marks
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    assert differences(run, mlflow_server.url) == []


def test_duplicates_made_by_a_hung_server_are_removed(mlflow_server, start, tmp_path):
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


def test_a_run_is_below_its_parent_on_every_server(mlflow_server, start, tmp_path):
    """Either the run or its parent may be sent first; each server has its own id for the parent."""
    local = f"sqlite:///{tmp_path}/mlflow.db"
    grid = start(local, "z-grid")
    child = start(local, "child", parent=grid.uuid)
    for run in (grid, child):
        run.metrics({"loss": 1.0}, step=0)
        run.finish("FINISHED")
    assert main(["sync", str(child.folder), "--to", mlflow_server.url]) == 1
    assert missing(child.folder, mlflow_server.url) == "its place under its parent run"
    assert main(["sync", "--output-dir", str(tmp_path), "--to", mlflow_server.url]) == 0
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    for uri in (mlflow_server.url, "local:../mlflow.db"):
        assert differences(grid.folder, uri) == differences(child.folder, uri) == []
        assert parent_of(child.folder, uri) == server_state.load(grid.folder, uri).run_id
    assert parent_of(child.folder, mlflow_server.url) != parent_of(child.folder, "local:../mlflow.db")


def test_a_parent_that_is_created_again_under_another_id_is_found(mlflow_server, start, tmp_path):
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


def test_a_server_restored_from_a_backup_gets_what_it_lacks(mlflow_server, start, tmp_path):
    """A server that was restored from a backup lacks the run's last epochs.

    The test imitates this with a mark that claims that more was sent than the server has.
    """
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
