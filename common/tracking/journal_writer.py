"""Writes a run's journal: each record is written to the file immediately and flushed to disk shortly afterwards."""

import contextlib
import json
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from filelock import Timeout

from common.atomic_files import sync_folder
from common.tracking import journal, writer_lock
from common.tracking.secrets import scrubber


class Journal:
    """Appends records. Each is written immediately, so it survives kill -9, and is flushed to disk shortly afterwards.

    A thread waits for the disk, because with many writers a flush takes milliseconds. A power cut loses at most the
    current epoch. A full disk never ends the run: records that could not be written are kept and written later.
    """

    def __init__(self, run: Path):
        self.path = journal.journal_path(run)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_line(self.path)
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
        for folder in self.path.absolute().parents[:3]:  # makes the names of the new file and its folders durable
            sync_folder(folder)
        self._clean = scrubber()
        self._backlog = b""
        self._written = threading.Event()  # set after every write, and at the end
        self._closing = False
        self._flusher = threading.Thread(target=self._flush, daemon=True)
        self._flusher.start()

    def append(self, kind: str, **fields) -> None:
        """Writes one record with the current time."""
        record = {"kind": kind, "t": time.time_ns() // 1_000_000, **fields}
        line = json.dumps(_plain(record, self._clean), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        self._backlog += line.encode() + b"\n"
        end = None
        try:
            end = os.fstat(self._file).st_size
            written = os.write(self._file, self._backlog)
            if written < len(self._backlog):
                raise OSError("only part of the line was written")
        except OSError as error:
            if end is not None:
                with contextlib.suppress(OSError):  # an incomplete line would corrupt the next record
                    os.ftruncate(self._file, end)
            print(
                f"warning: {self.path} cannot be written ({error}); writing will be tried again later", file=sys.stderr
            )
            return
        self._backlog = b""
        self._written.set()

    def close(self) -> bool:
        """Waits for the disk and closes the file. Returns False if records could not be written."""
        self._closing = True
        self._written.set()
        self._flusher.join()
        os.close(self._file)
        return not self._backlog

    def _flush(self) -> None:
        last = False
        while not last:
            self._written.wait()
            self._written.clear()
            last = self._closing
            with contextlib.suppress(OSError):
                os.fsync(self._file)


def repair(run: Path) -> bool:
    """Marks a run whose process died suddenly (kill -9, power cut) as KILLED at the time of its last record.

    Returns:
        True if the run was marked as KILLED.
    """
    if not journal.begun(run) or journal.fault_of_folder(run):  # no record yet, folder removed, or a link
        return False
    with contextlib.suppress(Timeout, OSError, NotImplementedError), writer_lock.alive_lock(run).acquire(timeout=0):
        status, moment = journal.last_status(run)
        if status == "RUNNING":
            written = Journal(run)
            written.append("status", status="KILLED", repaired=True, ended=moment)
            return written.close()
    return False


def _plain(value, clean: Callable[[str], str]):
    """Prepares a value for JSON: removes secrets, and replaces NumPy scalars, NaN ("nan") and infinity ("inf")."""
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
    """Removes a half-written last line (after a power cut), so that the next record starts on its own line."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
        content = file.read()
        if content and not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)
