"""The truth about a run: an append-only file of JSON lines in the run's own folder, RUN/tracking/journal.jsonl.

One line per record, each with "kind" and "t" (wall clock, milliseconds since 1970):
run, resume, parameters, metrics (with "step"), tags, dataset, artifact, model, status.
"""

import contextlib
import hashlib
import json
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from common.atomic_files import open_inside
from common.errors import UserError
from common.tracking.record_checks import TERMINAL, fault_of_record
from common.tracking.secrets import scrubber

__all__ = ["TERMINAL", "Journal"]
_TAIL_BYTES = 4096
_LINE_BYTES = 1 << 20  # far more than any record of ours
_NAME = "tracking/journal.jsonl"


def tracking_folder(run: Path) -> Path:
    """RUN/tracking: the journal, the marks of what each server has, the locks."""
    return Path(run) / "tracking"


def journal_path(run: Path) -> Path:
    """RUN/tracking/journal.jsonl."""
    return tracking_folder(run) / "journal.jsonl"


def alive_lock(run: Path):
    """The lock that the training process holds as long as it lives; the kernel frees it on kill -9 too."""
    return FileLock(tracking_folder(run) / "alive.lock", thread_local=False)


def fault_of_folder(run: Path) -> str:
    """Why RUN/tracking must not be written to, "" if nothing: a link in it would lead to other files of the user."""
    for folder in (tracking_folder(run), tracking_folder(run) / "servers"):
        try:
            entries = [folder, *folder.iterdir()]
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"{folder} cannot be read ({error.strerror})"
        for path in entries:
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                return f"{path} is a link or no plain file; put a copy of what it stands for there"
    return ""


def is_alive(run: Path) -> bool:
    """Whether a training is writing this run right now."""
    if not tracking_folder(run).is_dir() or fault_of_folder(run):  # the lock would make it, or follow a link
        return False
    try:
        with alive_lock(run).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except (OSError, NotImplementedError):  # a read-only folder, or a file system without locks
        return False


class Journal:
    """Appends records. Each is written at once, which survives kill -9, and is on the disk in a moment.

    A thread waits for the disk: with many writers a flush takes milliseconds, and a power cut costs the epoch in
    flight at most. A full disk never ends the training: what could not be written is kept and tried again.
    """

    def __init__(self, run: Path):
        self.path = journal_path(run)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_line(self.path)
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
        for folder in self.path.absolute().parents[:3]:  # a new file's name, and those of its folders
            _sync_folder(folder)
        self._backlog = b""
        self._written = threading.Semaphore(0)  # released for every write, and once more at the end
        self._closing = False
        self._flusher = threading.Thread(target=self._flush, daemon=True)
        self._flusher.start()

    def append(self, kind: str, **fields) -> None:
        """Writes one record with the time of now."""
        record = {"kind": kind, "t": time.time_ns() // 1_000_000, **fields}
        line = json.dumps(_plain(record, scrubber()), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        self._backlog += line.encode() + b"\n"
        end = None
        try:
            end = os.fstat(self._file).st_size
            written = os.write(self._file, self._backlog)
            if written < len(self._backlog):
                raise OSError("the disk took only a part of the line")
        except OSError as error:
            if end is not None:
                with contextlib.suppress(OSError):  # a torn line in the middle would hide what follows it
                    os.ftruncate(self._file, end)
            print(f"warning: {self.path} cannot be written ({error}); tried again later", file=sys.stderr)
            return
        self._backlog = b""
        self._written.release()

    def close(self) -> bool:
        """Waits for the disk and closes the file. Returns False when records could not be written."""
        self._closing = True
        self._written.release()
        self._flusher.join()
        os.close(self._file)
        return not self._backlog

    def _flush(self) -> None:
        while True:
            self._written.acquire()
            while self._written.acquire(blocking=False):  # one flush is enough for all of them
                pass
            last = self._closing
            with contextlib.suppress(OSError):
                _data_sync(self._file)
            if last:
                return


def read(run: Path, offset: int = 0) -> Iterator[tuple[int, dict]]:
    """Yields (offset behind the record, record) from a byte offset on; a line still being written is left for later.

    A line that is not a good record (a damaged disk, an edited file) is skipped: one bad line must not hide the others.
    """
    for end, record, fault in _lines(run, offset):
        if not fault:
            yield end, record


def bad_lines(run: Path) -> list[str]:
    """What `read` leaves out, in words: "line 12: metrics with a wrong or missing 'step'"."""
    return [f"line {i}: {fault}" for i, (_, _, fault) in enumerate(_lines(run, 0), 1) if fault]


def _lines(run: Path, offset: int) -> Iterator[tuple[int, dict, str]]:
    """Yields (offset behind the line, record, fault) of every complete line."""
    try:
        file = open_inside(run, _NAME)
    except OSError:
        return
    with file:
        file.seek(offset)
        while line := file.readline(_LINE_BYTES):
            offset += len(line)
            if len(line) == _LINE_BYTES and not line.endswith(b"\n"):
                while (more := file.readline(_LINE_BYTES)) and not more.endswith(b"\n"):
                    offset += len(more)
                offset += len(more)
                yield offset, {}, f"it has more than {_LINE_BYTES:,} bytes"
                continue
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
                fault = fault_of_record(record)
            except (ValueError, RecursionError):
                record, fault = {}, "it is not JSON"
            yield offset, record, fault


def flush(run: Path) -> None:
    """Waits until the disk has what the journal holds now, whoever wrote it."""
    with contextlib.suppress(OSError), open_inside(run, _NAME) as file:
        _data_sync(file.fileno())


def tail(run: Path, offset: int) -> str:
    """A digest of the last bytes before `offset`; "" where the journal is shorter."""
    with contextlib.suppress(OSError, OverflowError), open_inside(run, _NAME) as file:
        file.seek(max(0, offset - _TAIL_BYTES))
        content = file.read(min(offset, _TAIL_BYTES))
        if len(content) == min(offset, _TAIL_BYTES):
            return hashlib.sha256(content).hexdigest()[:16]
    return ""


def begun(run: Path) -> bool:
    """Whether the folder holds a run: not where a training was killed before its first record."""
    return any(record["kind"] == "run" for _, record in read(run))


def header(run: Path) -> dict:
    """The first record: uuid, name, experiment, servers.

    Raises:
        UserError: the folder holds no run.
    """
    for _, record in read(run):
        if record["kind"] == "run":
            return record
    raise UserError(f"There is no tracked run in this folder. Received: {run}.")


def metric_names(run: Path) -> set[str]:
    """Every metric that was recorded so far."""
    return {name for _, record in read(run) if record["kind"] == "metrics" for name in record["values"]}


def servers(run: Path) -> list[str]:
    """Where the run is to go, as it was decided at its start and at every resume: addresses, and local:PATH.

    PATH leads from the run folder to a SQLite database, so that a folder of runs can be moved or mounted elsewhere.
    """
    found = [server for _, record in read(run) if record["kind"] in ("run", "resume") for server in record["servers"]]
    return list(dict.fromkeys(found))


def last_status(run: Path) -> tuple[str, int]:
    """(status, time of the last record in ms). RUNNING when the journal does not end with a status."""
    status, moment = "RUNNING", 0
    for _, record in read(run):
        moment = record["t"]
        if record["kind"] == "status":
            status = record["status"]
        elif record["kind"] in ("run", "resume"):
            status = "RUNNING"
    return status, moment


def repair(run: Path) -> bool:
    """Ends a run whose process died without a word (kill -9, power cut) as KILLED, at the time of its last record.

    Returns:
        True when there was something to repair.
    """
    if not begun(run) or fault_of_folder(run):  # killed before its first record, removed, or not to be written to
        return False
    with contextlib.suppress(Timeout, OSError, NotImplementedError), alive_lock(run).acquire(timeout=0):
        status, moment = last_status(run)
        if status == "RUNNING":
            journal = Journal(run)
            journal.append("status", status="KILLED", repaired=True, ended=moment)
            return journal.close()
    return False


def process() -> dict:
    """Which process writes: pid, host and boot, for people who look for it."""
    boot = ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return {"pid": os.getpid(), "host": socket.gethostname(), "boot": boot}


def _plain(value, clean: Callable[[str], str]):
    """JSON without NaN or secrets: what JSON lacks becomes the strings nan, inf, -inf; NumPy scalars Python's."""
    if isinstance(value, dict):
        return {clean(str(key)): _plain(item, clean) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, clean) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _plain(value.item(), clean) if hasattr(value, "item") else clean(str(value))


def _cut_torn_line(path: Path) -> None:
    """A power cut may leave half a line at the end: cut it, so that the next record starts on a line of its own."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
        content = file.read()
        if content and not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)


def _data_sync(file: int) -> None:
    getattr(os, "fdatasync", os.fsync)(file)


def _sync_folder(folder: Path) -> None:
    """Makes a new file's name survive a power cut; a folder cannot be synchronised on every system."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
