"""Makes a hidden folder for unfinished files, on the same disk as the result."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from glob import escape
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from filelock import FileLock, Timeout

from common.cli.stop_request import uninterrupted

IN_USE = "in_use.lock"
LOCKED_AFTER_S = 60.0  # after this time, a folder has certainly been locked by the process that made it


@contextmanager
def working_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yields a new folder in `parent`, and deletes it when the block ends.

    If `parent` does not exist, it is created, and removed again if the block ends with an error.
    Folders that were left behind by killed processes are deleted first. Other programs' folders may have names with the
    same prefix, so only empty folders and those with our lock are deleted.

    Raises:
        OSError: the folder cannot be created.
    """
    new = not parent.exists()
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.glob(f"{escape(prefix)}*"):
        with suppress(Timeout, OSError):
            if (old / IN_USE).exists():
                with FileLock(old / IN_USE, timeout=0):  # possible only if the folder's process has ended
                    rmtree(old)
            elif time.time() - old.stat().st_mtime > LOCKED_AFTER_S:
                old.rmdir()  # fails unless the folder is empty
    with ExitStack() as stack:
        if new:
            stack.push(lambda error, *_: _remove_if_empty(parent) if error else None)
        with uninterrupted():  # an interrupt while the folder is created would leave it behind
            made = TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(made))
        stack.enter_context(FileLock(folder / IN_USE))
        yield folder


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
