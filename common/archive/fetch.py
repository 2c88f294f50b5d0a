"""Downloads files from the dataset archive once, checks them, and puts them in place only when complete.

Files in the cache are used without network access. Beside a file `NAME`, there may be `.NAME.part` (a
partial download), `.NAME.part.json` (its version), `.NAME.lock` and `.NAME.origin` (the address of the download).
"""

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import quote

from filelock import FileLock, Timeout

from common.archive import checksums, index_page
from common.archive.download_errors import ArchiveError, Unreachable
from common.archive.http import ask, get_text
from common.archive.resumable import Version, discard, download
from common.archive.retry import PATIENCE, Patience
from common.atomic_files import sync_folder, write_json
from common.cli.archive_url import DEFAULT_URL, checked_url
from common.cli.printable import LIMIT, printable
from common.errors import UserError

READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def fetch(
    name: str,
    root: Path | str,
    url: str = DEFAULT_URL,
    *,
    offline: bool = False,
    check: Callable[[Path], object] | None = None,
    patience: Patience = PATIENCE,
) -> Path:
    """Returns the cached file `root / name`; if it is missing, downloads it from the archive at `url` first.

    If several processes need the same file, one downloads it and the others wait. An interrupted download resumes
    where it stopped, even after `kill -9`.

    Args:
        name: path inside the archive, not percent-encoded, such as `classification/...h5`.
        offline: whether to use only the cache and never contact the archive.
        check: opens the finished temporary file and raises UserError if its content is wrong.

    Raises:
        Unreachable: the file is not cached, and either the archive does not answer or `offline` is set.
        NotInArchive: the archive does not have the file.
        ArchiveError: the download failed for another reason; the message gives the reason, the address and advice.
    """
    target = Path(root) / _inside(name)
    source = address(url, name)
    try:
        if target.is_file():
            return target
        if offline:
            raise Unreachable(
                f"{name} is not in {root}, and --offline forbids downloading it from {url}. Drop --offline, or copy "
                "the file there."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            if not target.is_file():  # otherwise, another process downloaded the file in the meantime
                _bring(source, target, check, patience)
    except OSError as error:
        if error.errno in READ_ONLY:  # another user's cache: first ask whether the archive has the file
            ask(source, patience)
        raise ArchiveError(
            f"{source} cannot be stored: {error.strerror or error}. Received: {target}. Make room there and run it "
            "again, or choose another data folder; the part that has arrived is kept."
        ) from error
    return target


def listing(folder: str, url: str = DEFAULT_URL, *, patience: Patience = PATIENCE) -> list[str] | None:
    """Returns the sorted names on the archive's index page for `folder` (`""` is the top); folders end with `/`.

    Understands the pages of nginx, Apache and Python's http.server. Returns None if the server has no such page, and
    raises Unreachable if the server does not answer.
    """
    page = get_text(address(url, folder).rstrip("/") + "/", patience)
    return None if page is None else index_page.names(page)


def origin_of(path: Path) -> str:
    """Returns the address from which a cached file was downloaded, or the file's path if the address is unknown."""
    note = Version.read(sibling(path, "origin"))
    return note.url if note and note.length == path.stat().st_size else str(path)  # if not, a user replaced the file


def sibling(target: Path, suffix: str) -> Path:
    """Returns the path of the hidden file beside `target` that holds information about it."""
    return target.with_name(f".{target.name}.{suffix}")


def address(url: str, name: str) -> str:
    """Returns the percent-encoded address of `name` in the archive at `url`; raises a UserError if `url` is invalid."""
    return f"{checked_url(url).rstrip('/')}/{quote(name)}"


def _inside(name: str) -> PurePosixPath:
    """Converts a name to a path; refuses names that point outside the cache."""
    parts = name.split("/")
    control = any(ord(character) < 32 for character in name)
    if control or "\\" in name or PureWindowsPath(name).drive or any(part in ("", ".", "..") for part in parts):
        raise ArchiveError(f"This is not the name of a file in the archive. Received: {name!r}. Use FOLDER/FILE.")
    return PurePosixPath(name)


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Lets only one process at a time write `target`; the kernel releases the lock of a process that was killed."""
    lock = FileLock(sibling(target, "lock"))
    try:
        lock.acquire(timeout=0.5)
    except NotImplementedError:
        print("note: this file system does not support locks; run one download at a time", file=sys.stderr, flush=True)
    except Timeout:
        print(f"waiting for another process to download {target.name}", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _bring(source: str, target: Path, check: Callable[[Path], object] | None, patience: Patience) -> None:
    """Downloads the file, compares it with the archive's checksums, runs `check`, and puts it in place."""
    part = sibling(target, "part")
    version = download(source, part, patience)
    try:
        checksums.compare(part, source, target.name, patience)
        if check:
            _run_check(check, part, source, target.name)
    except Unreachable as error:  # only the list is unreachable; the download may be correct and is kept
        raise ArchiveError(
            f"{source} was downloaded and is kept, but its {checksums.SUMS} cannot be read: {error}"
        ) from error
    except Exception:
        discard(part)
        raise
    origin = Version(source, version.validator, part.stat().st_size)
    with suppress(UserError):  # there may be a folder with this name
        write_json(sibling(target, "origin"), vars(origin))
    part.replace(target)
    discard(part)
    sync_folder(target.parent)


def _run_check(check: Callable[[Path], object], part: Path, source: str, name: str) -> None:
    try:
        check(part)
    except Exception as error:  # whatever the error, an invalid file must not block the next try
        text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {printable(error, LIMIT)}"
        text = text.replace(str(part), name).replace(part.name, name)
        raise ArchiveError(f"{source} was downloaded completely but is invalid, and was deleted: {text}") from error
