"""Opens MLflow stores: a server through its client, the local SQLite store with one writer at a time."""

import contextlib
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filelock import FileLock
from mlflow.tracking import MlflowClient

from common.tracking.server_choice import is_http
from common.tracking.translate import allowed_key

_LOCK_SECONDS = 600  # long enough for sixteen writers, one of which creates the database


def exclusive(server: str):
    """The lock for writing to a local SQLite store; a server needs none."""
    if not server.startswith("sqlite:///"):
        return contextlib.nullcontext()
    return FileLock(f"{_database(server)}.lock", timeout=_LOCK_SECONDS)


def open_client(server: str):
    """An MlflowClient; a local store is first created or migrated, by only one process."""
    if server.startswith("sqlite:///"):
        from common.tracking.mirror import local_store

        database = _database(server)
        database.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(server):
            local_store.create(database, _artifact_root(server).as_uri())
        uri = local_store.database_uri(database)
        client = MlflowClient(tracking_uri=uri)
        if (twin := Path(uri.removeprefix("sqlite:///"))) != database:
            with contextlib.suppress(OSError):  # MLflow makes the folder of the escaped name, too
                os.removedirs(twin.parent)
        return client
    return MlflowClient(tracking_uri=server)


def artifact_location(server: str, experiment: str) -> str | None:
    """Where a new experiment keeps its files: beside a local database, in any working directory; else None."""
    if is_http(server) or not server.startswith("sqlite:///"):
        return None
    return (_artifact_root(server) / allowed_key(experiment).replace("/", "_")).as_uri()


def why_no_files(server: str, location: str) -> str:
    """Why the files of a run would be stored in the wrong place, or "".

    A server without an artifact store names a folder on its own disk, and MLflow would write to our disk. This is also
    true for a loopback address, which may lead into a container or through a tunnel. A local store that was moved still
    names its old folder.
    """
    parts = urlsplit(location)
    on_disk = parts.scheme in ("", "file")
    if is_http(server):
        return "the server accepts no files (it runs with --no-serve-artifacts)" if on_disk else ""
    if not on_disk or not Path(unquote(parts.path)).resolve().is_relative_to(_artifact_root(server).resolve()):
        return "the local store was moved away from its mlartifacts"
    return ""


def _database(server: str) -> Path:
    return Path(server.removeprefix("sqlite:///"))


def _artifact_root(server: str) -> Path:
    return _database(server).parent / "mlartifacts"
