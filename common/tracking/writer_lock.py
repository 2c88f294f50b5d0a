"""Locks a run, so that only one process writes to it, and other processes can check whether one does."""

import sys
from pathlib import Path

from filelock import FileLock, Timeout

from common.errors import UserError
from common.tracking.journal import fault_of_folder, tracking_folder


def alive_lock(run: Path):
    """Returns the lock that the training process holds while it runs; the kernel releases it, even after kill -9."""
    return FileLock(tracking_folder(run) / "alive.lock", thread_local=False)


def hold(folder: Path):
    """Acquires and returns the lock for a process that writes to the run; warns if the file system has no locks.

    Raises:
        UserError: another process is writing to the run, or the lock file cannot be written.
    """
    lock = alive_lock(folder)
    try:
        lock.acquire(timeout=2)  # the `status` command may hold the lock for a moment
    except Timeout:
        raise UserError(f"Another process is writing to this run right now. Received: {folder}.") from None
    except NotImplementedError:
        print(f"warning: {folder} is on a file system without locks; let only one process write to it", file=sys.stderr)
    except OSError as why:
        raise UserError(f"This run cannot be recorded: {why.strerror}. Received: {folder}. Check its files.") from None
    return lock


def is_alive(run: Path) -> bool:
    """Whether a process is writing to this run right now."""
    if not tracking_folder(run).is_dir() or fault_of_folder(run):  # locking would create the folder or follow a link
        return False
    try:
        with alive_lock(run).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except (OSError, NotImplementedError):  # a read-only folder, or a file system without locks
        return False
