"""Files that are there whole or not at all, and folders that nobody else writes to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from common.errors import UserError


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yields a temporary path beside `path`; flushed and moved there when the block ends without an error.

    Raises:
        UserError: the disk is full, the folder read-only or gone; nothing is left behind then.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror or error}. Make room or name another folder."
        ) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def new_folder(wanted: Path | str) -> Path:
    """Makes the folder `wanted`, or `wanted-2`, `wanted-3`, ... where that name is taken. Two callers never share one.

    Raises:
        UserError: the folder cannot be made.
    """
    wanted = Path(wanted)
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise UserError(
            f"the output folder cannot be made: {error.strerror}. Received: {wanted}. Name another with --output-dir."
        ) from None
