"""Downloads one file into a partial file; a resumed download never mixes two versions of it."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from itertools import chain
from pathlib import Path

import requests

from common.archive.download_errors import ArchiveError, Transient, shown
from common.archive.http import content, get, media_type
from common.archive.retry import Patience, retry
from common.atomic_files import read_json
from common.cli.progress import progress_bar
from common.errors import UserError

HTML_STARTS = (b"<!doctype html", b"<html")
UNKNOWN_LENGTH_MAX = 50 * 10**9  # maximum number of bytes of a file whose length the server does not send


@dataclass(frozen=True)
class Version:
    """Identifies the file and the version of a partial download; it is stored as JSON beside the download.

    `validator` is a strong ETag or a Last-Modified date that may be used with If-Range, or None if the server sends
    neither. `length` is in bytes, or None if the server does not send it.
    """

    url: str
    validator: str | None
    length: int | None

    @classmethod
    def read(cls, note: Path) -> "Version | None":
        """Reads a version from its JSON file; returns None if the file is missing or damaged."""
        try:
            version = cls(**read_json(note))
        except (UserError, TypeError):  # also if a process was killed while it wrote the file
            return None
        fits = isinstance(version.url, str) and isinstance(version.validator, str | None)
        return version if fits and isinstance(version.length, int | None) else None


def download(url: str, part: Path, patience: Patience) -> Version:
    """Completes `part` with the content of `url`, resuming an earlier transfer of the same version.

    Returns the version of the file. The whole file is then in `part`, and flushed to the disk.

    Raises:
        ArchiveError: the archive does not send the file; `part` is kept for the next try.
        OSError: `part` cannot be written.
    """
    return retry(url, patience, lambda: _continue(url, part, patience), size=lambda: _size(part))


def discard(part: Path) -> None:
    """Removes a partial file and the JSON file that describes it."""
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _continue(url: str, part: Path, patience: Patience) -> Version:
    """Sends one request: for the rest of the file if that is safe, otherwise for the whole file."""
    held = _held(url, part)
    offset = _size(part) if held else 0
    if held and offset == held.length:
        return held  # an earlier process was stopped after the download, before it renamed the file
    headers = {"Range": f"bytes={offset}-", "If-Range": held.validator} if offset else {}
    with get(url, headers, patience) as response:
        chunks = content(response, patience)
        if response.status_code == 200:
            first = next(chunks, b"")
            _refuse_other_content(response, url, first)
            held, offset, chunks = _version(response, url), 0, chain([first], chunks)
            discard(part)
            _note(part).write_text(json.dumps(asdict(held)), encoding="utf-8")
        elif not (response.status_code == 206 and held and _goes_on(response, held, offset)):
            discard(part)
            raise Transient(f"the server does not resume at byte {offset} (status {response.status_code})")
        _append(chunks, part, offset, held)
    return held


def _held(url: str, part: Path) -> Version | None:
    """Returns the version of the file whose beginning is in `part`; None if that is uncertain."""
    version = Version.read(_note(part))
    resumable = version and version.url == url and version.validator and version.length is not None
    return version if resumable and part.is_file() and _size(part) <= version.length else None


def _version(response: requests.Response, url: str) -> Version:
    length = response.headers.get("Content-Length", "")
    chunked = "Transfer-Encoding" in response.headers
    return Version(url, _validator(response), int(length) if length.isdecimal() and not chunked else None)


def _validator(response: requests.Response) -> str | None:
    """Returns a value for If-Range (RFC 9110, 13.1.5): a strong ETag, or a date at least 1 s before the response."""
    etag = response.headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    try:
        modified = response.headers["Last-Modified"]
        age = parsedate_to_datetime(response.headers["Date"]) - parsedate_to_datetime(modified)
    except (KeyError, ValueError, TypeError):
        return None
    return modified if age.total_seconds() >= 1 else None  # otherwise the file may change again within the same second


def _goes_on(response: requests.Response, held: Version, offset: int) -> bool:
    """Whether a response with status 206 is really the rest of the version in the partial file."""
    expected = f"bytes {offset}-{held.length - 1}/{held.length}"
    # The validator is compared here, too, because some servers support Range but ignore If-Range.
    validator = response.headers.get("ETag" if held.validator.startswith('"') else "Last-Modified", held.validator)
    return validator == held.validator and response.headers.get("Content-Range", "").strip() == expected


def _append(chunks: Iterator[bytes], part: Path, offset: int, version: Version) -> None:
    name = part.name.strip(".").removesuffix(".part")
    short = name if len(name) <= 40 else f"…{name[-39:]}"
    bar = progress_bar(total=version.length, initial=offset, desc=short, unit="B", unit_scale=True)
    with part.open("ab") as file, bar:
        try:
            for chunk in chunks:
                file.write(chunk)
                file.flush()  # so that nothing that has arrived is lost if the process is killed
                bar.update(len(chunk))
                if version.length is None and file.tell() > UNKNOWN_LENGTH_MAX:
                    raise ArchiveError(
                        f"The server never stops sending. Received: {file.tell()} bytes of {version.url} so far. Check "
                        "the address."
                    )
        except Transient as error:
            error.received = file.tell() > offset
            raise
        os.fsync(file.fileno())
    if version.length is not None and _size(part) != version.length:
        raise Transient(f"the body ended at byte {_size(part)} of {version.length}", received=True)


def _refuse_other_content(response: requests.Response, url: str, start: bytes) -> None:
    """Raises an ArchiveError if the content of a response with status 200 is a web page or is compressed."""
    kind, encoding = media_type(response), response.headers.get("Content-Encoding", "identity")
    page = kind in ("text/html", "application/xhtml+xml") or start.lstrip().lower().startswith(HTML_STARTS)
    if page and not re.search(r"\.x?html?$", url):
        raise ArchiveError(
            f"The server sent a web page instead of the file, perhaps the log-in page of the network. Received: "
            f"status 200, {kind} from {shown(response.url)}. Open the address in a browser to see the page."
        )
    if encoding != "identity":
        raise ArchiveError(
            f"The server must send the file uncompressed. Received: Content-Encoding {encoding} from {url}."
        )
