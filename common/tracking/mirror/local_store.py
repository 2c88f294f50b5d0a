"""Creates the local store, an SQLite database of MLflow, or migrates an older one, in one step."""

import contextlib
import os
import re
import sqlite3
from pathlib import Path

from mlflow.exceptions import MlflowException
from mlflow.store.db import utils
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import MlflowClient

_current: set[tuple[int, int]] = (
    set()
)  # (device, inode) of files that are stores of this MLflow: a grid opens one often


def open_client(database: Path) -> MlflowClient:
    """A client of a local store, with the special characters of its path escaped."""
    uri = _uri(database)
    client = MlflowClient(tracking_uri=uri)
    if (twin := Path(uri.removeprefix("sqlite:///"))) != database:
        with contextlib.suppress(OSError):  # MLflow makes the folder of the escaped name, too
            os.removedirs(twin.parent)
    return client


def create(database: Path, artifact_root: str) -> None:
    """Creates or migrates a copy of a local store, which is then written back in one transaction.

    MLflow's scripts change the tables step by step, so a process that is killed in the middle leaves a database that
    MLflow cannot open.
    """
    if _is_current(database):
        return
    copy = database.with_name(f".{database.name}.new")
    _remove(copy)  # left by a killed process
    with contextlib.closing(sqlite3.connect(database)) as store:
        # Readers (the UI) and the writer do not block each other, and a commit is one fsync. The file keeps this
        # setting.
        store.execute("PRAGMA journal_mode=WAL")
        with contextlib.closing(sqlite3.connect(copy)) as renewed:
            store.backup(renewed)
        _migrate(_uri(copy), artifact_root)
        with contextlib.closing(sqlite3.connect(copy)) as renewed:
            renewed.backup(store)
    _remove(copy)


def _is_current(database: Path) -> bool:
    """Whether the file is a store of this version of MLflow; checked only once per process and file."""
    found = database.stat() if database.exists() else None
    if found is None or not found.st_size:
        return False
    if (found.st_dev, found.st_ino) not in _current:
        engine = utils.create_sqlalchemy_engine(_uri(database))
        current = utils._get_schema_version(engine) == utils._get_latest_schema_revision()
        engine.dispose()
        if not current:
            return False
        _current.add((found.st_dev, found.st_ino))
    return True


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
