"""Creates the local store, an SQLite database of MLflow, or migrates an older one, in one step."""

import contextlib
import re
import sqlite3
from pathlib import Path

from mlflow.exceptions import MlflowException
from mlflow.store.db import utils
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

_known: dict[Path, tuple[int, int] | None] = {}  # database -> the file that was created or checked


def database_uri(database: Path) -> str:
    """The address of a database for MLflow, with the special characters of the path escaped."""
    return "sqlite:///" + re.sub("[%?#]", lambda match: f"%{ord(match[0]):02X}", str(database))


def create(database: Path, artifact_root: str) -> None:
    """Creates or migrates the local store, only once per process and file, because a grid opens it often."""
    known = _identity(database)
    if known is not None and _known.get(database) == known:
        return
    engine = utils.create_sqlalchemy_engine(database_uri(database))
    current = utils._get_schema_version(engine) == utils._get_latest_schema_revision()
    engine.dispose()
    if not current:
        _renew(database, artifact_root)
    _known[database] = _identity(database)


def _renew(database: Path, artifact_root: str) -> None:
    """Creates or migrates a copy, which is then written back in one transaction.

    MLflow's scripts change the tables step by step, so a process that is killed in the middle leaves a database that
    MLflow cannot open. If another process left one without any runs, it is created again.
    """
    copy = database.with_name(f".{database.name}.new")
    with contextlib.closing(sqlite3.connect(database)) as store:
        # Readers (the UI) and the writer do not block each other, and a commit is one fsync. The file keeps this
        # setting.
        store.execute("PRAGMA journal_mode=WAL")
        try:
            _migrate(copy, artifact_root, store)
        except Exception:
            if _holds_something(store):
                raise
            _migrate(copy, artifact_root, None)
        with contextlib.closing(sqlite3.connect(copy)) as renewed:
            renewed.backup(store)
    _remove(copy)


def _holds_something(store: sqlite3.Connection) -> bool:
    """Whether there are more rows than MLflow itself creates; it may be another program's database."""
    own = {"alembic_version": 1, "experiments": 1, "workspaces": 1}
    tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    counts = {name: store.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}  # noqa: S608
    return any(count > own.get(name, 0) for name, count in counts.items())


def _migrate(copy: Path, artifact_root: str, store: sqlite3.Connection | None) -> None:
    """Makes `copy` a store of this version of MLflow, from the content of `store` or from nothing."""
    _remove(copy)  # left by a killed process
    if store is not None:
        with contextlib.closing(sqlite3.connect(copy)) as target:
            store.backup(target)
    uri = database_uri(copy)
    try:
        SqlAlchemyStore(uri, artifact_root)
    except MlflowException as error:
        if "out-of-date" not in str(error):
            raise
        utils._upgrade_db(SqlAlchemyStore._get_or_create_engine(uri))
    finally:
        SqlAlchemyStore._get_or_create_engine(uri).dispose()


def _remove(database: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def _identity(database: Path) -> tuple[int, int] | None:
    """Identifies the database file; None if it is missing or empty."""
    with contextlib.suppress(OSError):
        found = database.stat()
        if found.st_size:
            return found.st_dev, found.st_ino
    return None
