"""Sends a run's files to a server, if their current versions are not on the server."""

import hashlib
import posixpath
import shutil
import tempfile
from pathlib import Path

from common.atomic_files import open_inside
from common.tracking import server_state
from common.tracking.server_state import Mark, pending_files
from common.tracking.translate_for_mlflow import Translator
from mlflow_mirror.faults import Fault, fault_of
from mlflow_mirror.store import Store


class Files:
    """Sends the files of one run to one server."""

    def __init__(self, run: Path):
        self._run = run
        self._tried: dict[str, str] = {}  # files that the server refused in this session: place -> sha256
        self._hashes: dict[str, tuple[tuple, str]] = {}

    def send(self, store: Store, mark: Mark, translator: Translator, location: str) -> Fault | None:
        """Sends missing and changed files, and records them in the mark. `location`: the URI of the run's artifacts.

        Returns:
            The first fault that is not due to the file itself; the other files are tried anyway.
        """
        first, before, barrier = None, dict(mark.files), store.why_no_files(location)
        for place, path, digest in pending_files(self._run, mark, translator, self._hashes):
            if barrier and place not in mark.files:
                mark.refused[f"file {place}"] = barrier
            elif digest is None:
                mark.refused[f"file {place}"] = "there is no such plain file in the run folder"
            elif digest != self._tried.get(place):
                fault = self._send(store, mark, place, path)
                first = first or fault
        if mark.files != before:
            for place in forget_missing(store, mark, location):
                mark.refused[f"file {place}"] = "it was sent, but the server does not have it"
            server_state.save(self._run, mark)
        return first

    def _send(self, store: Store, mark: Mark, place: str, path: str) -> Fault | None:
        """Sends a copy of the file: MLflow opens files by name, and the original may have been replaced by a link."""
        digest = ""
        try:
            with tempfile.TemporaryDirectory(prefix="artifact-") as temporary:
                copy = Path(temporary) / posixpath.basename(place)
                with open_inside(self._run, path) as source, copy.open("wb") as target:
                    shutil.copyfileobj(source, target)
                with copy.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                store.client.log_artifact(mark.run_id, str(copy), posixpath.dirname(place) or None)
        except Exception as error:
            fault = fault_of(error)
            mark.refused[f"file {place}"] = fault.words
            if fault.kind != "refused":
                return fault
            self._tried[place] = digest
        else:
            mark.files[place] = digest
            mark.refused.pop(f"file {place}", None)
        server_state.save(self._run, mark)
        return None


def forget_missing(store: Store, mark: Mark, location: str) -> set[str]:
    """Removes from the mark the files that are missing from the server; returns their paths on the server.

    Files are missing if the server's disk was replaced or restored from a backup, or if the files never arrived.
    """
    if store.why_no_files(location):
        return set()
    missing = mark.files.keys() - store.files(location, {posixpath.dirname(place) for place in mark.files})
    for place in missing:
        del mark.files[place]
    return missing
