"""A hidden folder for what is not finished, on the disk that will hold the result."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from filelock import FileLock, Timeout

IN_USE = "in_use.lock"
LOCKED_AFTER_S = 60.0  # whoever makes a folder has surely put the lock into it by then


@contextmanager
def working_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A folder in `parent`, gone when the block ends; those that killed processes left behind go first.

    Raises:
        OSError: it cannot be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.glob(f"{prefix}*"):
        with suppress(Timeout, OSError):
            if (old / IN_USE).exists() or time.time() - old.stat().st_mtime > LOCKED_AFTER_S:
                with FileLock(old / IN_USE, timeout=0):  # free: its owner is gone
                    rmtree(old)
    with TemporaryDirectory(prefix=prefix, dir=parent) as name, FileLock(Path(name) / IN_USE):
        yield Path(name)
