"""Computes what a server still lacks of a run, from the run folder alone."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from common.atomic_files import open_inside
from common.tracking import journal, server_state
from common.tracking.server_choice import is_http, readable, uri_of
from common.tracking.translate import Batch, Translator

TRAINING_VIEW = "workflowType=machine_learning"  # without it, MLflow 3 opens its view for language models
JOURNAL_PLACE = "tracking/journal.jsonl"


@dataclass(frozen=True)
class Pending:
    """records: number of unsent journal records. files: unsent paths. status: the end of the run was not sent.

    parent: its parent run does not exist there.
    """

    records: int
    files: tuple[str, ...]
    status: bool
    parent: bool
    refused: dict[str, str]
    fault: str

    def __bool__(self) -> bool:
        return bool(self.records or self.files or self.status or self.parent)

    def words(self) -> str:
        """For example "12 records and 3 files (it refuses connections)"."""
        parts = []
        if self.records:
            parts.append(f"{self.records} record{'s' * (self.records > 1)}")
        if self.files:
            parts.append(f"{len(self.files)} file{'s' * (len(self.files) > 1)}")
        if self.status and not parts:
            parts.append("the end")
        if self.parent:
            parts.append("its place under its parent run")
        why = self.fault or next(iter(self.refused.values()), "")
        return " and ".join(parts) + (f" ({why})" if why else "")


def pending(run: Path, target: str) -> Pending:
    """Compares the journal with the target's mark."""
    mark, translator, records = server_state.load(run, target), Translator(), 0
    for offset, record in journal.read(run):
        translator.read(record, Batch())
        records += offset > mark.offset
    if mark.deleted:
        return Pending(0, (), False, False, {}, "somebody deleted the run there")
    files = tuple(
        place
        for place, record in files_of(translator).items()
        if place not in mark.files or digest_of(run, record["path"], {}) not in (None, mark.files[place])
    )
    lost = bool(journal.header(run).get("parent")) and not mark.parent_id
    return Pending(records, files, translator.status != mark.status, lost, mark.refused, mark.fault)


def digest_of(run: Path, path: str, known: dict[str, tuple[tuple, str]]) -> str | None:
    """sha256 of a file of a run, None if the file does not exist; `known` caches the digests of unchanged files."""
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
    """Place -> record of every file that belongs on a server, including the journal if there are notes."""
    files = dict(translator.files)
    if translator.notes and translator.status in journal.TERMINAL:
        files[JOURNAL_PLACE] = {"kind": "artifact", "path": JOURNAL_PLACE, "folder": "tracking"}
    return files


def is_unsent(run: Path) -> bool:
    """Whether something is missing on a server for which the run was started."""
    return journal.begun(run) and any(pending(run, target) for target in journal.servers(run))


def targets(run: Path) -> list[str]:
    """All servers that should have the run: those chosen at its start, and those that it was mirrored to later."""
    return list(dict.fromkeys([*journal.servers(run), *(mark.server for mark in server_state.load_all(run))]))


def place(run: Path, target: str) -> str:
    """Where to find the run: its page on a server, or the path of a local store."""
    mark, uri = server_state.load(run, target), uri_of(run, target)
    if is_http(uri) and mark.run_id:
        return f"{uri}/#/experiments/{mark.experiment_id}/runs/{mark.run_id}?{TRAINING_VIEW}"
    return readable(uri)
