"""Remembers what each server has of a run: a small file per server in RUN/tracking/servers/, replaced atomically.

If such a mark is lost, or the server lost data, everything is sent again, and nothing is stored twice.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from common.atomic_files import read_inside, write_json
from common.tracking.journal import tail, tracking_folder

_MOST_BYTES = 16 << 20


@dataclass
class Mark:
    """Progress of one run towards one target (a server's address, or local:PATH, see journal.servers).

    offset: bytes of the journal that the server has. tail: digest of the last of them; it differs if a folder was
    copied while it was written and then resumed, because its journal is not the one that was sent.
    files: place in the run's artifacts -> sha256 on the server.
    parent_id: the server's id of the parent run. status, notes: the last ones that were sent.
    refused: item -> why the server refused it. fault: why nothing more can be sent now, or "".
    deleted: somebody deleted the run on the server, and it stays deleted.
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
    """The mark's file; its name is readable and unique for the server's address."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", server).strip("-")[-40:]
    return tracking_folder(run) / "servers" / f"{words}-{hashlib.sha256(server.encode()).hexdigest()[:8]}.json"


def load(run: Path, server: str) -> Mark:
    """The stored mark; a new one if it is missing or damaged, or belongs to another journal."""
    try:
        mark = _parse(_read(run, mark_path(run, server).name), server)
    except (OSError, ValueError, TypeError, RecursionError):
        return Mark(server)
    if mark.offset and mark.tail and mark.tail != tail(run, mark.offset):
        mark.offset = 0
    return mark


def load_all(run: Path) -> list[Mark]:
    """The marks of all servers that were ever a target of this run, sorted by file name."""
    marks = []
    for path in sorted((tracking_folder(run) / "servers").glob("*.json")):
        try:
            marks.append(_parse(_read(run, path.name), None))
        except (OSError, ValueError, TypeError, RecursionError):
            continue
    return marks


def save(run: Path, mark: Mark) -> None:
    """Replaces the mark in one step."""
    mark.tail = tail(run, mark.offset)
    path = mark_path(run, mark.server)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(mark))


def _read(run: Path, name: str) -> bytes:
    return read_inside(run, f"tracking/servers/{name}", _MOST_BYTES)


def _parse(content: bytes, server: str | None) -> Mark:
    fields, told = vars(Mark("")), json.loads(content)
    mark = Mark(**{name: told[name] for name in fields if name in told})  # other versions have other fields
    for name, example in fields.items():
        value = getattr(mark, name)
        words = value.values() if isinstance(value, dict) else ()
        if type(value) is not type(example) or not all(isinstance(word, str) for word in words):
            raise ValueError(f"{name} has the wrong type")
    if not 0 <= mark.offset < 1 << 62:
        raise ValueError("the offset is outside the journal")
    if server is not None and mark.server != server:
        raise ValueError("the mark belongs to another server")
    return mark
