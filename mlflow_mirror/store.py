"""Opens an MLflow store: a server through its client, or the local SQLite store with one writer at a time."""

import contextlib
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filelock import FileLock
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking import MlflowClient

from common.tracking.server_choice import is_http
from common.tracking.translate_for_mlflow import allowed_key

_LOCK_SECONDS = 600  # waiting time for the lock; enough even if sixteen processes write and one creates the database


class Store:
    """A server or a local database; if necessary, one process creates or migrates the database."""

    def __init__(self, uri: str):
        self._uri = uri
        self._database = None if is_http(uri) else Path(uri.removeprefix("sqlite:///"))
        if self._database:
            from mlflow_mirror import local_store  # late: imports SQLAlchemy, which is not needed for servers

            self._files = self._database.parent / "mlartifacts"
            self._database.parent.mkdir(parents=True, exist_ok=True)
            with self._alone():
                local_store.create(self._database, self._files.as_uri())
            self.client = local_store.open_client(self._database)
        else:
            self.client = MlflowClient(tracking_uri=uri)

    def write(self, function, *arguments, **keywords):
        """Calls a client function that writes; a local database allows only one writer at a time."""
        with self._alone():
            return function(*arguments, **keywords)

    def location(self, experiment: str) -> str | None:
        """Returns where a new experiment stores files: beside the local database, or None if a server decides this."""
        return (self._files / allowed_key(experiment).replace("/", "_")).as_uri() if self._database else None

    def why_no_files(self, location: str) -> str:
        """Returns why the files of a run would be stored in the wrong place, or "" if the place is right.

        A server without an artifact store names a folder on its own disk, but MLflow would write to the disk of this
        machine. Even a server with a loopback address may not use this machine's disk (a container, a tunnel).
        A local store that was moved still names its old folder.
        """
        parts = urlsplit(location)
        on_disk = parts.scheme in ("", "file")
        if not self._database:
            return "the server accepts no files (it runs with --no-serve-artifacts)" if on_disk else ""
        if not on_disk or not Path(unquote(parts.path)).resolve().is_relative_to(self._files.resolve()):
            return "the local store was moved away from its mlartifacts"
        return ""

    def files(self, location: str, folders: set[str]) -> set[str]:
        """Returns the paths of the files in some folders of a run's artifacts ("": the top folder)."""
        # MlflowClient.list_artifacts of MLflow 3 also asks for logged models, which old servers do not know.
        listed = get_artifact_repository(location, tracking_uri=self._uri).list_artifacts
        return {info.path for folder in folders for info in listed(folder or None)}

    def _alone(self):
        """Returns the lock for writing to a local database; a server needs none."""
        return FileLock(f"{self._database}.lock", timeout=_LOCK_SECONDS) if self._database else contextlib.nullcontext()
