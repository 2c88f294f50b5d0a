"""Creates the local store, which is MLflow's SQLite database, or migrates an older store in one transaction."""

import contextlib
import functools
import os
import re
import sqlite3
from pathlib import Path

from mlflow.exceptions import MlflowException
from mlflow.store.db import utils
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import MlflowClient

_latest = functools.cache(utils._get_latest_schema_revision)  # slow, because it reads all of MLflow's migration scripts


def open_client(database: Path) -> MlflowClient:
    """Opens a client for a local store; escapes the special characters in the store's path."""
    uri = _uri(database)
    client = MlflowClient(tracking_uri=uri)
    if (twin := Path(uri.removeprefix("sqlite:///"))) != database:
        with contextlib.suppress(OSError):  # MLflow also makes a folder with the escaped name
            os.removedirs(twin.parent)
    return client


def create(database: Path, artifact_root: str) -> None:
    """Creates or migrates a local store: changes a copy, and writes it back in one transaction.

    MLflow's migration scripts change the tables step by step, so a process that is killed in the middle leaves a
    database that MLflow cannot open.
    """
    copy = database.with_name(f".{database.name}.new")
    with contextlib.closing(sqlite3.connect(database)) as store:
        if _version(store) == _latest():
            return
        _remove(copy)  # a killed process may have left a copy
        # In WAL mode, readers (the UI) and the writer do not block each other, and a commit takes only one fsync. The
        # database stays in WAL mode when it is closed.
        store.execute("PRAGMA journal_mode=WAL")
        with contextlib.closing(sqlite3.connect(copy)) as renewed:
            store.backup(renewed)
        _migrate(_uri(copy), artifact_root)
        with contextlib.closing(sqlite3.connect(copy)) as renewed:
            renewed.backup(store)
    _remove(copy)


def _version(store: sqlite3.Connection) -> str | None:
    with contextlib.suppress(sqlite3.OperationalError):  # a new database does not have this table
        return (store.execute("SELECT version_num FROM alembic_version").fetchone() or (None,))[0]
    return None


def _migrate(uri: str, artifact_root: str) -> None:
    try:
        SqlAlchemyStore(uri, artifact_root)
    except MlflowException as error:
        if "out-of-date" not in str(error):
            raise
        utils._upgrade_db(SqlAlchemyStore._get_or_create_engine(uri))
    finally:
        SqlAlchemyStore._get_or_create_engine(uri).dispose()


def _uri(database: Path) -> str:
    return "sqlite:///" + re.sub("[%?#]", lambda match: f"%{ord(match[0]):02X}", str(database))


def _remove(database: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
