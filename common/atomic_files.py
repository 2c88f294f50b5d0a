"""Writes files completely or not at all, creates new folders, and safely reads untrusted folders."""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path, PurePosixPath

from common.errors import UserError


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yields a temporary path next to `path`; the file is flushed and moved to `path` unless the block raises an error.

    Raises:
        UserError: the disk is full, or the folder is read-only or missing; no temporary file is left behind.
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
            f"{path} cannot be written: {error.strerror or error}. Make room or choose another folder."
        ) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes sure that new files in a folder survive a power cut, if the system can flush folders to the disk."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Writes a text file as `replacing` does: completely or not at all."""
    with replacing(path) as new:
        new.write_text(text, encoding="utf-8")


def write_json(path: Path, content: dict) -> None:
    """Writes a JSON file completely or not at all; NaN and infinite numbers raise a ValueError."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def new_folder(wanted: Path | str) -> Path:
    """Creates the folder `wanted`; if it exists, `wanted-2`, `wanted-3`, ... Two callers never get the same folder.

    Raises:
        UserError: the folder cannot be created.
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
            f"the output folder cannot be created: {error.strerror}. Received: {wanted}. "
            "Choose another with --output-dir."
        ) from None


def open_inside(folder: Path, name: str):
    """Opens a plain file inside `folder` for reading, without following links, which may lead anywhere.

    Every folder in the path is opened relative to its parent, so nobody can swap it for a link in the meantime.
    `folder` itself may be a link, because the user chose it; `name` is a relative path with slashes.

    Raises:
        OSError: the file is missing, is not a plain file, or is outside the folder.
    """
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\0" in name:
        raise PermissionError(0, "it is outside the folder", name)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            step = os.open(part, flags | (os.O_DIRECTORY if part is not parts[-1] else 0), dir_fd=handle)
            os.close(handle)
            handle = step
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise PermissionError(0, "it is not a plain file", name)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_inside(folder: Path, name: str, most: int) -> bytes:
    """Reads a plain file inside a folder (see `open_inside`); raises an OSError if it is larger than `most` bytes."""
    with open_inside(folder, name) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(0, f"it is larger than {most:,} bytes", name)
    return content


def read_json(path: Path, most: int = 16 << 20) -> dict:
    """Reads the object in a JSON file that anybody may have edited; raises a UserError if the file is invalid."""
    path = Path(path)
    try:
        content = read_inside(path.parent, path.name, most)
        value = json.loads(content)
    except OSError as error:
        raise UserError(f"{path.name} cannot be read: {error.strerror or error}. Received: {path}.") from None
    except (ValueError, RecursionError) as error:
        why = f"damaged: {error}" if content else "empty"
        raise UserError(f"{path.name} is {why}. Received: {path}.") from None
    if not isinstance(value, dict):
        raise UserError(f"{path.name} does not contain a JSON object. Received: {path}.")
    return value
