"""Sends the files of a run: artifacts and models that are complete and that the server has not."""

import hashlib
import os
import posixpath
import shutil
import tempfile
from pathlib import Path

from common.atomic_files import open_inside
from common.tracking import journal, server_state
from common.tracking.faults import Fault, fault_of
from common.tracking.mirror.models import send_model
from common.tracking.translate import Translator

JOURNAL_PLACE = "tracking/journal.jsonl"


class Files:
    """The files of one run on their way to one server."""

    def __init__(self, run: Path, mark: server_state.Mark, client, write):
        self.run, self.mark, self.client, self.write = run, mark, client, write
        self.barrier = ""  # why no file can be sent at all
        self.confirm = None  # drops the marks of files that the server turns out not to have
        self._tried: dict[str, str] = {}  # what the server refused in this session: place -> sha256
        self._hashes: dict[str, tuple[tuple, str]] = {}

    def send(self, translator: Translator, progress=None) -> Fault | None:
        """Sends what is missing or changed.

        Returns:
            The first fault that is not the file's own; the others are tried all the same.
        """
        first, before = None, dict(self.mark.files)
        for place, record in files_of(translator).items():
            digest = self._digest(record["path"])
            if digest is None and place in self.mark.files:
                continue  # it was sent, and somebody tidied up here
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
        """Drops the marks of files that the server does not have, and returns their places.

        Its disk was replaced, it came from a backup, or it never got what was sent.
        """
        # Not MlflowClient.list_artifacts: that of MLflow 3 asks for logged models too, which old servers do not know.
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        listed = get_artifact_repository(artifact_uri, tracking_uri=server).list_artifacts
        plain = {place for place in self.mark.files if place not in self.mark.model_ids}
        there: set[str] = set()
        for folder in {posixpath.dirname(place) for place in plain}:
            there |= {info.path for info in listed(folder or None)}
        # A model that went up as plain files is a folder and is listed among the files beside it.
        for place in plain - there:
            del self.mark.files[place]
        return plain - there

    def _send(self, place: str, record: dict, digest: str) -> Fault | None:
        """Sends a copy: MLflow opens a file by its name, which may lead elsewhere by then."""
        try:
            with tempfile.TemporaryDirectory(prefix="artifact-") as temporary:
                copy = Path(temporary) / posixpath.basename(place)
                with open_inside(self.run, record["path"]) as source, copy.open("wb") as target:
                    shutil.copyfileobj(source, target)
                with copy.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                if record["kind"] == "model":
                    send_model(self.client, self.mark, copy, place, record, self.write)
                else:
                    self.client.log_artifact(self.mark.run_id, str(copy), posixpath.dirname(place) or None)
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

    def _digest(self, path: str) -> str | None:
        """sha256 of a file of the run; None when there is no such file. Read again only when the file changed."""
        return digest_of(self.run, path, self._hashes)


def digest_of(run: Path, path: str, known: dict[str, tuple[tuple, str]]) -> str | None:
    """sha256 of a file of a run, None when there is no such file; `known` holds what was read of files that stayed."""
    try:
        with open_inside(run, path) as file:
            facts = os.fstat(file.fileno())
            key = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
            if known.get(path, (None,))[0] != key:
                known[path] = (key, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError:
        return None
    return known[path][1]


def files_of(translator: Translator) -> dict[str, dict]:
    """Place -> record of every file that belongs on a server; the journal too, once notes say that it is needed."""
    files = dict(translator.files)
    if translator.notes and translator.status in journal.TERMINAL:
        files[JOURNAL_PLACE] = {"kind": "artifact", "path": JOURNAL_PLACE, "folder": "tracking"}
    return files
