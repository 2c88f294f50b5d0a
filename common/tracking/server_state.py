"""Remembers in a JSON file per server (a mark) which parts of a run the server has, and finds the missing parts.

If a mark is lost, or the server lost data, everything is sent again, and the server stores nothing twice.
"""

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from common.atomic_files import open_inside, read_inside, write_json
from common.cli.option import from_json
from common.errors import UserError
from common.tracking import journal
from common.tracking.check_record import TERMINAL
from common.tracking.server_choice import is_http, readable, uri_of
from common.tracking.translate_for_mlflow import Batch, Translator

TRAINING_VIEW = "workflowType=machine_learning"  # without this in the URL, MLflow 3 opens its view for language models
_MOST_BYTES = 16 << 20


@dataclass
class Mark:
    """How much of a run a target has received. A target is a server's address or local:PATH, see `journal.servers`.

    offset: number of bytes of the journal that the server has. tail: digest of the last of these bytes. If a run folder
    was copied during the run and the copy was resumed, its journal is not the one that was sent, so the digest differs.
    files: path in the run's artifacts -> sha256 on the server.
    parent_id: the server's id for the parent run. status, notes: the last status and notes that were sent.
    refused: item -> why the server refused it. fault: why nothing more can be sent now, or "".
    deleted: whether somebody deleted the run on the server; if so, it stays deleted.
    """

    server: str
    run_id: str = ""
    experiment_id: str = ""
    parent_id: str = ""
    offset: int = 0
    tail: str = ""
    files: dict[str, str] = field(default_factory=dict)
    status: str = ""
    notes: str = ""
    refused: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    deleted: bool = False


def mark_path(run: Path, server: str) -> Path:
    """Returns the path of a server's mark; the file name is readable, and unique for each server address."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", server).strip("-")[-40:]
    return journal.tracking_folder(run) / "servers" / f"{words}-{hashlib.sha256(server.encode()).hexdigest()[:8]}.json"


def load(run: Path, server: str) -> Mark:
    """Reads a server's mark; makes a new mark if none can be read. If the journal was replaced, resets the offset."""
    mark = _stored(run, mark_path(run, server).name)
    if mark is None or mark.server != server:
        return Mark(server)
    if mark.offset and mark.tail and mark.tail != journal.tail(run, mark.offset):
        mark.offset = 0
    return mark


def save(run: Path, mark: Mark) -> None:
    """Writes a mark, replacing the old one in one step."""
    mark.tail = journal.tail(run, mark.offset)
    path = mark_path(run, mark.server)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(mark))


def missing(run: Path, target: str) -> str:
    """Returns what a server lacks and why: "12 records and 3 files (it refuses connections)"; "" if it lacks nothing.

    Looks only in the run folder, and contacts no server.
    """
    mark, translator, records = load(run, target), Translator(), 0
    for offset, record in journal.read(run):
        translator.read(record, Batch())
        records += offset > mark.offset
    if mark.deleted:
        return ""
    counts = ((records, "record"), (len(pending_files(run, mark, translator, {})), "file"))
    parts = [f"{count} {what}{'s' * (count > 1)}" for count, what in counts if count]
    if translator.status != mark.status and not parts:
        parts.append("the end")
    if journal.header(run).get("parent") and not mark.parent_id:
        parts.append("its place under its parent run")
    why = mark.fault or next(iter(mark.refused.values()), "")
    return " and ".join(parts) + (f" ({why})" if parts and why else "")


def pending_files(run: Path, mark: Mark, translator: Translator, known: dict) -> list[tuple[str, str, str | None]]:
    """Returns (path in the artifacts, local path, sha256) of every file whose current version is not on the server.

    sha256 is None for a missing or special file. A file that was sent and then deleted here is left out. If there are
    notes, the journal is one of the files. `known` caches the checksums of unchanged files.
    """
    with_journal = translator.notes and translator.status in TERMINAL
    files = translator.files | ({journal.NAME: journal.NAME} if with_journal else {})
    sums = ((place, path, _sha256(run, path, known)) for place, path in files.items())
    return [
        (place, path, digest)
        for place, path, digest in sums
        if place not in mark.files or digest not in (None, mark.files[place])
    ]


def _sha256(run: Path, path: str, known: dict[str, tuple[tuple, str]]) -> str | None:
    try:
        with open_inside(run, path) as file:
            facts = os.fstat(file.fileno())
            key = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
            if known.get(path, (None,))[0] != key:
                known[path] = (key, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError:
        return None
    return known[path][1]


def targets(run: Path) -> list[str]:
    """Returns all servers that should have the run: those chosen at its start, and those added by `sync --to`."""
    paths = sorted((journal.tracking_folder(run) / "servers").glob("*.json"))
    later = [mark.server for path in paths if (mark := _stored(run, path.name))]
    return list(dict.fromkeys([*journal.servers(run), *later]))


def place(run: Path, target: str) -> str:
    """Returns where to find the run: its page on a server, or the path of a local store."""
    mark, uri = load(run, target), uri_of(run, target)
    if is_http(uri) and mark.run_id:
        return f"{uri}/#/experiments/{mark.experiment_id}/runs/{mark.run_id}?{TRAINING_VIEW}"
    return readable(uri)


def _stored(run: Path, name: str) -> Mark | None:
    """Reads a mark from its file; None if the file is missing, damaged or badly edited."""
    try:
        told = json.loads(read_inside(run, f"tracking/servers/{name}", _MOST_BYTES))
        known = {field: told[field] for field in vars(Mark("")) if field in told}  # other versions have other fields
        mark = from_json(Mark, known)
        mark.server.encode()  # raises an error for half of a surrogate pair
    except (OSError, ValueError, TypeError, RecursionError, UserError):
        return None
    return mark if 0 <= mark.offset < 1 << 62 else None
