"""Reads the full record of a run, its journal: an append-only file of JSON lines, RUN/tracking/journal.jsonl.

Each line is one record with "t" (wall clock, milliseconds since 1970) and a "kind":
run, resume, parameters, metrics (with "step"), tags, dataset, artifact, model, status.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from common.atomic_files import open_inside
from common.errors import UserError
from common.tracking.check_record import fault_of_record

_TAIL_BYTES = 4096
_LINE_BYTES = 1 << 20  # far longer than any record that we write; a longer line is left out
NAME = "tracking/journal.jsonl"


def tracking_folder(run: Path) -> Path:
    """Returns RUN/tracking: the folder with the journal, the locks, and one file per server with its progress."""
    return Path(run) / "tracking"


def journal_path(run: Path) -> Path:
    """Returns RUN/tracking/journal.jsonl."""
    return Path(run) / NAME


def fault_of_folder(run: Path) -> str:
    """Returns why RUN/tracking is not safe to write to, or "" if it is: a link in it could lead to other files."""
    for folder in (tracking_folder(run), tracking_folder(run) / "servers"):
        try:
            entries = [folder, *folder.iterdir()]
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"{folder} cannot be read ({error.strerror})"
        for path in entries:
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                return f"{path} is a link or not a plain file; replace it with a copy of its content"
    return ""


def read(run: Path, offset: int = 0) -> Iterator[tuple[int, dict]]:
    """Yields (offset after the record, record), starting at a byte offset; an incomplete last line is left for later.

    An invalid line (from a damaged disk or an edited file) is skipped; the other records are still read.
    """
    return ((end, record) for end, record, fault in _lines(run, offset) if not fault)


def bad_lines(run: Path) -> list[str]:
    """Describes every line that `read` skips: "line 12: metrics with a wrong or missing 'step'"."""
    return [f"line {i}: {fault}" for i, (_, _, fault) in enumerate(_lines(run, 0), 1) if fault]


def _lines(run: Path, offset: int) -> Iterator[tuple[int, dict, str]]:
    """Yields (offset after the line, record, fault) for every complete line."""
    try:
        file = open_inside(run, NAME)
    except OSError:
        return
    with file:
        file.seek(offset)
        while line := file.readline(_LINE_BYTES):
            end = line
            while end and not end.endswith(b"\n"):  # too long, or incomplete
                line, end = b"", file.readline(_LINE_BYTES)
            if not end:
                return
            try:
                record = json.loads(line)
                fault = fault_of_record(record)
            except (ValueError, RecursionError):
                record, fault = {}, "it is not JSON"
            if not fault and record["kind"] == "model":  # in runs from before December 2026
                record |= {"kind": "artifact", "folder": record["name"]}
            yield file.tell(), record, fault


def flush(run: Path) -> None:
    """Waits until everything in the journal is on the disk, no matter which process wrote it."""
    with contextlib.suppress(OSError), open_inside(run, NAME) as file:
        os.fsync(file.fileno())


def tail(run: Path, offset: int) -> str:
    """Returns a digest of the last bytes before `offset`; "" if the journal is shorter."""
    with contextlib.suppress(OSError, OverflowError), open_inside(run, NAME) as file:
        file.seek(max(0, offset - _TAIL_BYTES))
        content = file.read(min(offset, _TAIL_BYTES))
        if len(content) == min(offset, _TAIL_BYTES):
            return hashlib.sha256(content).hexdigest()[:16]
    return ""


def begun(run: Path) -> bool:
    """Whether the folder contains a run; False if the run was killed before its first record."""
    return any(_of_kind(run, "run"))


def header(run: Path) -> dict:
    """Returns the first record: uuid, name, experiment, servers.

    Raises:
        UserError: the folder contains no run.
    """
    for record in _of_kind(run, "run"):
        return record
    raise UserError(f"There is no tracked run in this folder. Received: {run}.")


def servers(run: Path) -> list[str]:
    """Returns the servers that were chosen at the run's start and at every resume: addresses, or local:PATH.

    PATH is the path from the run folder to a SQLite database, so that a folder of runs can be moved or mounted
    elsewhere.
    """
    return list(dict.fromkeys(server for record in _of_kind(run, "run", "resume") for server in record["servers"]))


def last_status(run: Path) -> tuple[str, int]:
    """Returns (status, time of the last record in ms); RUNNING if no status follows the last start or resume."""
    status, moment = "RUNNING", 0
    for _, record in read(run):
        moment = record["t"]
        if record["kind"] in ("run", "resume", "status"):
            status = record["status"] if record["kind"] == "status" else "RUNNING"
    return status, moment


def _of_kind(run: Path, *kinds: str) -> Iterator[dict]:
    return (record for _, record in read(run) if record["kind"] in kinds)
