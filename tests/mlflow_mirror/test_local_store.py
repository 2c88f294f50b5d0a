"""The local store's database is created in one step, even if the processes that create it are killed."""

import contextlib
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from common import tracking
from common.tracking import choose_server
from mlflow_mirror import sync_and_status
from mlflow_mirror.mlflow_settings import prepare

from ..common.tracking.fault_proxy import wait_until
from ..common.tracking.mlflow_server import differences
from ..common.tracking.small_runs import finished_locally
from ..tiny import ROOT

pytestmark = [
    pytest.mark.usefixtures("no_mirror"),
    pytest.mark.filterwarnings("default"),  # MLflow and its dependencies emit warnings about each other
]
OPEN = """
import sys, time
from mlflow_mirror.mlflow_settings import prepare
prepare()
from mlflow_mirror.store import Store
Store(sys.argv[1])
time.sleep(600)  # long enough to be killed, even on a busy machine
"""
DAMAGED = "its database is damaged; if it is the local mlflow.db, move it away"
FIRST_MIGRATION = "ALTER TABLE metrics ADD COLUMN step BIGINT DEFAULT '0' NOT NULL"


@pytest.fixture
def database(tmp_path):
    """Returns the path of the store to which a run in tmp_path/run will be sent."""
    run = tracking.start(tmp_path / "run", choose_server("local", tmp_path), tracking.RunInfo("e", "run"))
    run.metrics({"loss": 1.0}, step=0)
    run.finish(wait_s=0)
    return tmp_path / "mlflow.db"


def first_version(database: Path, with_run: bool) -> None:
    """Creates a store in the format of the first MLflow version that supported databases."""
    prepare()
    from mlflow.store.db.utils import InitialBase, create_sqlalchemy_engine

    engine = create_sqlalchemy_engine(f"sqlite:///{database}")
    InitialBase.metadata.create_all(engine)
    engine.dispose()
    if with_run:
        with contextlib.closing(sqlite3.connect(database)) as store, store:
            store.execute("INSERT INTO experiments VALUES (1, 'old', '', 'active')")
            columns = "run_uuid, user_id, start_time, name, source_type, status, lifecycle_stage, experiment_id"
            store.execute(
                f"INSERT INTO runs ({columns}) VALUES ('1a', 'me', 1, 'kept', 'LOCAL', 'FINISHED', 'active', 1)"
            )


def kill_on_the_way(database: Path) -> None:
    """Starts a process that opens the store, and kills it right after MLflow's first migration."""
    with subprocess.Popen([sys.executable, "-c", OPEN, f"sqlite:///{database}"], cwd=ROOT) as process:
        try:
            wait_until(lambda: process.poll() or any(map(is_begun, database.parent.glob("*mlflow.db*"))), 300)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL


def is_begun(path: Path) -> bool:
    with (
        contextlib.suppress(sqlite3.DatabaseError),
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store,
    ):
        return bool(store.execute("SELECT 1 FROM pragma_table_info('metrics') WHERE name = 'step'").fetchone())
    return False


def check_sent(database: Path) -> None:
    assert sync_and_status.sync([database.parent / "run"], database.parent) == 0
    assert differences(database.parent / "run", "local:../mlflow.db") == []
    left = {path.name for path in database.parent.iterdir()}
    assert left <= {"run", "mlflow.db", "mlflow.db-wal", "mlflow.db-shm", "mlflow.db.lock", "mlartifacts"}


def test_a_process_killed_while_it_creates_the_store_does_no_harm(database):
    kill_on_the_way(database)
    check_sent(database)


def test_a_process_killed_while_it_migrates_the_store_does_no_harm(database):
    first_version(database, with_run=True)
    kill_on_the_way(database)
    check_sent(database)
    from mlflow.tracking import MlflowClient

    assert MlflowClient(f"sqlite:///{database}").get_run("1a").info.run_name == "kept"


@pytest.mark.parametrize("with_run", [True, False])
def test_a_store_that_cannot_be_migrated_stays_as_it_is(database, with_run, capsys):
    """For example, `mlflow ui` was stopped while it was migrating the store."""
    first_version(database, with_run)
    with contextlib.closing(sqlite3.connect(database)) as store:
        store.execute(FIRST_MIGRATION)
        before = list(store.iterdump())
    assert sync_and_status.sync([database.parent / "run"], database.parent) == 1
    assert f"lacks 3 records ({DAMAGED}" in capsys.readouterr().out
    with contextlib.closing(sqlite3.connect(database)) as store:
        assert list(store.iterdump()) == before


def test_the_database_of_another_program_stays_as_it_is(database, capsys):
    """The other program also has a table `alembic_version`, as every program that uses Alembic does."""
    with contextlib.closing(sqlite3.connect(database)) as store:
        store.executescript(
            "CREATE TABLE alembic_version (version_num VARCHAR(32)); INSERT INTO alembic_version VALUES ('v3.2.0.a');"
            "CREATE TABLE studies (name TEXT); INSERT INTO studies VALUES ('of three nights');"
        )
        before = list(store.iterdump())
    assert sync_and_status.sync([database.parent / "run"], database.parent) == 1
    assert "lacks 3 records (its database was created by a newer version of MLflow" in capsys.readouterr().out
    with contextlib.closing(sqlite3.connect(database)) as store:
        assert list(store.iterdump()) == before


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 200], ids=["empty", "garbage"])
def test_an_empty_file_becomes_a_store_and_garbage_is_left_unchanged(database, content, capsys):
    database.write_bytes(content)
    if not content:
        check_sent(database)
        return
    assert sync_and_status.sync([database.parent / "run"], database.parent) == 1
    assert DAMAGED in capsys.readouterr().out
    assert database.read_bytes() == content
    database.rename(database.with_name("damaged"))
    assert sync_and_status.sync([database.parent / "run"], database.parent) == 0


NAMES = ["a?b=c", "a#b", "a%41b", "q?uri=true&mode=ro", "a b", "ä'ö\"", "-x", "new\nline", "{x};&@:", "100%"]


@pytest.mark.parametrize("name", NAMES)
def test_the_store_is_in_the_folder_that_was_named(tmp_path, name):
    folder = tmp_path / name
    run = finished_locally(folder)
    assert sync_and_status.sync([run], folder) == 0
    assert sync_and_status.status([run]) == 0
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as store:
        assert store.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    assert [path.read_text() for path in (folder / "mlartifacts").rglob("a.txt")] == ["x"]
    assert [path.name for path in tmp_path.iterdir()] == [name]
