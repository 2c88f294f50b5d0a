"""Chooses the MLflow server for a run once, at the start of the run."""

import difflib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests.auth import HTTPBasicAuth

from common.cli.time_limit import within
from common.errors import UserError
from common.tracking.secrets import stored_credentials, without_credentials
from common.tracking.server_errors import http_words, words_of

NAMES = {
    "default": "https://mlflow.berlin-united.com/",
    "deepl": "https://mlflow2.berlin-united.com/",
}
PROBE_SECONDS = 5.0
SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Server:
    """The server, or the local store, on which a run is tracked.

    uri: the server or store in use. words: describes the choice in messages. wanted: the server that should get the
    run. If `wanted` is unreachable at the start, `uri` is a local store, and the run is sent to `wanted` later.
    """

    uri: str
    words: str
    wanted: str


def choose_server(choice: str | None, output_dir: Path, require: bool = False) -> Server:
    """Decides where a run is tracked; waits no longer than PROBE_SECONDS for the server to answer.

    Args:
        choice: a key of NAMES, "local", a URI, or None for MLFLOW_TRACKING_URI if it is set, else "default".
        output_dir: the folder with the local store, mlflow.db.
        require: raise an error if the server is unreachable, instead of keeping the run locally.

    Raises:
        UserError: the choice is unknown, contains a password, is a local store that cannot be opened, or is required
            but unreachable.
    """
    if os.environ.get("BALL_GRID_SERVERS"):  # decided once for all runs of a grid
        uri, wanted = json.loads(os.environ["BALL_GRID_SERVERS"])
        return Server(uri, "tracked by the grid", wanted)
    if choice is not None:
        because = f"chosen as {choice!r}" if choice in (*NAMES, "local") else "chosen"
    elif choice := os.environ.get("MLFLOW_TRACKING_URI"):
        because = "from MLFLOW_TRACKING_URI"
    else:
        choice, because = "default", "the team's server"
    uri = resolve(choice, output_dir)
    check_store(uri, output_dir, because)
    if not is_http(uri):
        return Server(uri, f"tracking in {readable(uri)} ({because})", uri)
    reason = probe(uri)
    if reason is None:
        return Server(uri, f"tracking on {uri} ({because}; it answers)", uri)
    if require:
        raise UserError(f"The tracking server is required but not available: {reason}. Received: {uri} ({because}).")
    local = resolve("local", output_dir)
    return Server(
        local,
        f"tracking in {readable(local)}, because {uri} ({because}) is not available: {reason}. "
        "The run is sent there as soon as the server is back",
        uri,
    )


def resolve(choice: str, output_dir: Path) -> str:
    """Returns the URI of a choice: http(s) addresses unchanged, SQLite stores with absolute paths.

    Raises:
        UserError: the name is unknown, the address contains credentials, or the kind of store is not supported.
    """
    if choice == "local":
        return f"{SQLITE}{(Path(output_dir).resolve() / 'mlflow.db').as_posix()}"
    if choice.startswith(SQLITE):
        return f"{SQLITE}{Path(choice.removeprefix(SQLITE)).resolve().as_posix()}"
    choice = without_credentials(NAMES.get(choice, choice))
    scheme, separator, rest = choice.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        choice = f"{scheme.lower()}://{rest}"
        if not _hostname(choice):
            raise UserError(f"A tracking server's address needs a valid host and port. Received: {choice}.")
        return choice.rstrip("/")
    near = difflib.get_close_matches(choice, [*NAMES, "local"], n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UserError(
        f"Tracking must be one of {', '.join(NAMES)}, local, or an address that begins with http://, https:// or "
        f"{SQLITE}. Received: {choice!r}.{hint}"
    )


def check_store(uri: str, output_dir: Path, because: str = "chosen") -> None:
    """Raises a UserError if a local store is not a database, or if its folder does not exist.

    A store in the output folder is not checked, because that folder may be created later.
    """
    database = Path(uri.removeprefix(SQLITE))
    if is_http(uri) or database.parent == Path(output_dir).resolve():
        return
    why = "its folder does not exist or is not writable"
    if os.access(f"{database.parent}/.", os.W_OK | os.X_OK):
        if not os.path.lexists(database) or _is_database(database):
            return
        why = "it is not a writable database"
    raise UserError(f"The local store cannot be used: {why}. Received: {uri} ({because}). Choose another.")


def _is_database(path: Path) -> bool:
    """Whether the file is a writable SQLite database, or an empty file, which becomes a database."""
    if not (path.is_file() and os.access(path, os.R_OK | os.W_OK)):  # reading a pipe would block
        return False
    with path.open("rb") as file:
        return file.read(16) in (b"", b"SQLite format 3\0")


def _hostname(uri: str) -> str | None:
    try:
        parts = urlsplit(uri)
        return parts.hostname if parts.port != 0 else None
    except ValueError:  # a port that is not a number, or half an IPv6 address
        return None


def target_of(run: Path, uri: str) -> str:
    """Converts a URI for the journal; the path of a local store becomes relative to the run folder."""
    if not uri.startswith(SQLITE):
        return uri
    return f"local:{Path(os.path.relpath(uri.removeprefix(SQLITE), run)).as_posix()}"


def uri_of(run: Path, target: str) -> str:
    """Converts a target in a run's journal to a URI; a local path is relative to the run folder's current location."""
    if not target.startswith("local:"):
        return target
    return f"{SQLITE}{Path(os.path.abspath(Path(run) / target.removeprefix('local:'))).as_posix()}"  # noqa: PTH100 - without following links


def is_http(uri: str) -> bool:
    """Whether the URI belongs to a server and not to a store on this machine."""
    return uri.startswith(("http://", "https://"))


def readable(uri: str) -> str:
    """Returns a URI as it is shown in messages: the path of a local database, or the URI of a server."""
    return uri.removeprefix(SQLITE)


def probe(uri: str) -> str | None:
    """Asks an MLflow server for one experiment; waits no longer than PROBE_SECONDS.

    Returns:
        None if the server answers and accepts the credentials; otherwise, what is wrong, in plain words.
    """
    try:
        answer = within(PROBE_SECONDS, lambda: _ask(uri, PROBE_SECONDS))
        if answer.status_code != 200:
            return http_words(answer.status_code)
        return None if isinstance(answer.json(), dict) else "it does not answer like an MLflow server"
    except Exception as error:
        return words_of(error)


def _ask(uri: str, seconds: float) -> requests.Response:
    return requests.get(
        f"{uri}/api/2.0/mlflow/experiments/search",
        params={"max_results": "1"},
        auth=_authorize,
        timeout=seconds,
        allow_redirects=False,  # MLflow does not follow redirects either
        verify=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or True,
        cert=os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH"),
    )


def _authorize(request):
    """Adds the user's credentials as MLflow does: from the environment, or else from ~/.mlflow/credentials."""
    stored = stored_credentials()
    user, password = (
        os.environ.get(f"MLFLOW_TRACKING_{name}") or stored.get(f"mlflow_tracking_{name.lower()}")
        for name in ("USERNAME", "PASSWORD")
    )
    if user and password:
        return HTTPBasicAuth(user.encode(), password.encode())(request)
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        request.headers["Authorization"] = f"Bearer {token}"
    return request
