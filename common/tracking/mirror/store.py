"""Opens MLflow stores: a server through its client, the local SQLite store with one writer at a time."""

import contextlib
import os
import re
import sqlite3
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from common.tracking.servers import is_http
from common.tracking.translate import allowed_key

_known: dict[str, tuple[int, int] | None] = {}  # local store -> the database file that was created or checked
_LOCK_SECONDS = 600  # sixteen writers in a queue, one of them creating the database


def exclusive(server: str):
    """The lock that every writer of a local SQLite store takes; nothing for a server, which sorts that out itself."""
    if not server.startswith("sqlite:///"):
        return contextlib.nullcontext()
    return FileLock(f"{_database(server)}.lock", timeout=_LOCK_SECONDS)


def open_client(server: str):
    """An MlflowClient; a local store is created, or migrated from an older MLflow's, first and by one process alone."""
    from mlflow.tracking import MlflowClient

    if server.startswith("sqlite:///"):
        _database(server).parent.mkdir(parents=True, exist_ok=True)
        with exclusive(server):
            _create(server)
        client = MlflowClient(tracking_uri=_address(_database(server)))
        if (twin := Path(_address(_database(server)).removeprefix("sqlite:///"))) != _database(server):
            with contextlib.suppress(OSError):  # MLflow makes the folder of the escaped name, too
                os.removedirs(twin.parent)
        return client
    return MlflowClient(tracking_uri=server)


def _address(database: Path) -> str:
    """What MLflow is given for a database: the characters of a path that mean something in an address are escaped."""
    return "sqlite:///" + re.sub("[%?#]", lambda match: f"%{ord(match[0]):02X}", str(database))


def artifact_location(server: str, experiment: str) -> str | None:
    """Where a new experiment keeps its files: beside the local database whatever the working directory; else None."""
    if is_http(server) or not server.startswith("sqlite:///"):
        return None
    return (_artifact_root(server) / allowed_key(experiment).replace("/", "_")).as_uri()


def why_no_files(server: str, location: str) -> str:
    """Why a run's files would land where nobody looks for them, "" when they would not.

    A server without an artifact store names a folder of its own disk, and MLflow would write to ours. That holds for an
    address on loopback too: it may lead into a container or through a tunnel. A local store that was moved still names
    the folder where it was.
    """
    parts = urlsplit(location)
    on_disk = parts.scheme in ("", "file")
    if is_http(server):
        return "the server takes no files (it runs with --no-serve-artifacts)" if on_disk else ""
    if not on_disk or not Path(unquote(parts.path)).resolve().is_relative_to(_artifact_root(server).resolve()):
        return "the local store was moved away from its mlartifacts"
    return ""


def _database(server: str) -> Path:
    return Path(server.removeprefix("sqlite:///"))


def _artifact_root(server: str) -> Path:
    return _database(server).parent / "mlartifacts"


def _create(server: str) -> None:
    """Creates or migrates the local store, once in a process as long as it is the same file: a grid opens it often."""
    known = _identity(server)
    if known is not None and _known.get(server) == known:
        return
    from mlflow.store.db import utils

    engine = utils.create_sqlalchemy_engine(_address(_database(server)))
    current = utils._get_schema_version(engine) == utils._get_latest_schema_revision()
    engine.dispose()
    if not current:
        _renew(_database(server), _artifact_root(server).as_uri())
    _known[server] = _identity(server)


def _renew(database: Path, artifact_root: str) -> None:
    """Creates or migrates in a copy, which then goes back in one transaction.

    MLflow's scripts change the tables step by step: a process that is killed in the middle leaves what no MLflow opens.
    Where somebody else's was, a store that holds nothing yet is made anew.
    """
    copy = database.with_name(f".{database.name}.new")
    with contextlib.closing(sqlite3.connect(database)) as store:
        # Readers (the UI) and the writer do not block each other, and a commit is one fsync. Kept in the file itself.
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
    """Whether there is more than the rows that MLflow writes itself: it may be another program's database."""
    own = {"alembic_version": 1, "experiments": 1, "workspaces": 1}
    tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    counts = {name: store.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}  # noqa: S608
    return any(count > own.get(name, 0) for name, count in counts.items())


def _migrate(copy: Path, artifact_root: str, store: sqlite3.Connection | None) -> None:
    """Makes `copy` a store of this version of MLflow, from the content of `store` or from nothing."""
    from mlflow.exceptions import MlflowException
    from mlflow.store.db import utils
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    _remove(copy)  # of one that was killed
    if store is not None:
        with contextlib.closing(sqlite3.connect(copy)) as target:
            store.backup(target)
    uri = _address(copy)
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


def _identity(server: str) -> tuple[int, int] | None:
    """Which file the database is, None where there is none, or an empty one."""
    with contextlib.suppress(OSError):
        found = _database(server).stat()
        if found.st_size:
            return found.st_dev, found.st_ino
    return None
