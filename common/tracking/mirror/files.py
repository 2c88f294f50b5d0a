"""Sends the complete files of a run that the server does not have."""

import hashlib
import posixpath
import shutil
import tempfile
from pathlib import Path

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from common.atomic_files import open_inside
from common.tracking import server_state
from common.tracking.pending import digest_of, files_of
from common.tracking.server_errors import Fault, fault_of
from common.tracking.translate import Translator


class Files:
    """Sends the files of one run to one server."""

    def __init__(self, run: Path, mark: server_state.Mark, client):
        self.run, self.mark, self.client = run, mark, client
        self.barrier = ""  # why no file can be sent at all
        self.confirm = None  # a function that removes the marks of files that the server lacks
        self._tried: dict[str, str] = {}  # refused by the server in this session: place -> sha256
        self._hashes: dict[str, tuple[tuple, str]] = {}

    def send(self, translator: Translator, progress=None) -> Fault | None:
        """Sends what is missing or changed.

        Returns:
            The first fault that does not come from a file itself; the other files are tried anyway.
        """
        first, before = None, dict(self.mark.files)
        for place, record in files_of(translator).items():
            digest = digest_of(self.run, record["path"], self._hashes)
            if digest is None and place in self.mark.files:
                continue  # it was sent, and somebody deleted it here
            if self.barrier and place not in self.mark.files:
                self.mark.refused[f"file {place}"] = self.barrier
            elif digest is None:
                self.mark.refused[f"file {place}"] = "there is no such plain file in the run folder"
            elif digest not in (self.mark.files.get(place), self._tried.get(place)):
                fault = self._send(place, record, digest)
                first = first or fault
                if progress and not fault:
                    progress(1)
        if self.mark.files != before and self.confirm:
            for place in self.confirm():
                self.mark.refused[f"file {place}"] = "it was sent, but the server does not have it"
            server_state.save(self.run, self.mark)
        return first

    def forget_missing(self, server: str, artifact_uri: str) -> set[str]:
        """Removes the marks of files that the server does not have, and returns their places.

        This happens if its disk was replaced, it was restored from a backup, or it never got what was sent.
        """
        # Not MlflowClient.list_artifacts, which in MLflow 3 also asks for logged models, unknown to old servers.
        listed = get_artifact_repository(artifact_uri, tracking_uri=server).list_artifacts
        there: set[str] = set()
        for folder in {posixpath.dirname(place) for place in self.mark.files}:
            there |= {info.path for info in listed(folder or None)}
        missing = self.mark.files.keys() - there
        for place in missing:
            del self.mark.files[place]
        return missing

    def _send(self, place: str, record: dict, digest: str) -> Fault | None:
        """Sends a copy, because MLflow opens a file by its name, which may be a link by then."""
        try:
            with tempfile.TemporaryDirectory(prefix="artifact-") as temporary:
                # Runs from before December 2026 recorded their model under the name of a folder.
                folder = place if record["kind"] == "model" else posixpath.dirname(place)
                copy = Path(temporary) / posixpath.basename(record["path"] if folder == place else place)
                with open_inside(self.run, record["path"]) as source, copy.open("wb") as target:
                    shutil.copyfileobj(source, target)
                with copy.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                self.client.log_artifact(self.mark.run_id, str(copy), folder or None)
        except Exception as error:
            fault = fault_of(error)
            self.mark.refused[f"file {place}"] = fault.words
            if fault.kind != "refused":
                return fault
            self._tried[place] = digest
        else:
            self.mark.files[place] = digest
            self.mark.refused.pop(f"file {place}", None)
        server_state.save(self.run, self.mark)
        return None
