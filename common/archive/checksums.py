"""Compares downloads with the archive's list of sha256 checksums, which may be in any common format."""

import hashlib
import re
import sys
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from common.archive.download_errors import ArchiveError
from common.archive.http import decode, get_text
from common.archive.retry import Patience

SUMS = "SHA256SUMS"  # the name of a checksum list, which is in the same folder as the files in the list
LINE_MAX = 5000  # maximum number of characters in a line of a checksum list; longer lines are ignored
_HASH = r"(?P<hash>[0-9a-fA-F]{64})"
FORMS = [
    re.compile(form)
    for form in (
        rf"SHA2?-?256 ?\((?P<name>.+)\) ?= ?{_HASH}",  # BSD and `sha256sum --tag`, OpenSSL
        rf"(?:SHA256\s+)?\\?{_HASH}\s+\*?(?P<name>\S.*)",  # sha256sum, shasum, PowerShell's Get-FileHash
    )
]


def sha256_of(path: Path | str) -> str:
    """Returns the sha256 of a file's bytes as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compare(part: Path, source: str, name: str, patience: Patience) -> None:
    """Compares a complete download with its sha256 in the archive's checksum list, if the list contains the file.

    Raises:
        ArchiveError: the checksums differ.
    """
    page = get_text(f"{source.rpartition('/')[0]}/{SUMS}", patience)
    if page is None or page.media_type == "text/html":  # some servers send a web page for every address
        return
    expected = of_file(parse(page.text), unquote(urlsplit(source).path))
    if expected is None:
        print(f"note: the archive's {SUMS} does not list {name}, so this file was not verified", file=sys.stderr)
    elif (received := sha256_of(part)) != expected:
        raise ArchiveError(
            f"{source} does not match the archive's {SUMS} and was deleted. Received: sha256 {received}, "
            f"expected {expected}. Run it again; if that does not help, tell the maintainers of the archive."
        )


def parse(content: bytes | str) -> list[tuple[str, str]]:
    """Returns (path, sha256) for every line that contains both; paths are written with `/`, checksums in lower case."""
    found = []
    for line in (decode(content) if isinstance(content, bytes) else content).splitlines():
        line = line.strip()
        match = next(filter(None, (form.fullmatch(line) for form in FORMS)), None) if len(line) < LINE_MAX else None
        if match:
            name, digest = match["name"], match["hash"]
        elif len(line) > 65 and line[-65] in " \t:=" and re.fullmatch(_HASH, line[-64:]):  # the name comes first
            name, digest = line[:-64].rstrip(" \t:="), line[-64:]
        else:
            continue
        found.append((name.replace("\\", "/").removeprefix("./"), digest.lower()))
    return found


def of_file(entries: list[tuple[str, str]], path: str) -> str | None:
    """Finds the sha256 of a file in a checksum list. The paths in the list may be absolute, or relative to any folder.

    `path` is the file's path in the archive. If several entries have the file's name, the entry with the most similar
    path is used. Returns None if there is no entry, or if equally similar entries have different checksums.
    """
    name = PurePosixPath(path).name
    near: dict[int, set[str]] = {}
    for entry, digest in entries:
        if PurePosixPath(entry).name == name:
            whole = entry == name or f"/{path}".endswith(f"/{entry.lstrip('/')}")
            near.setdefault(2 if entry == name else 1 if whole else 0, set()).add(digest)
    best = near[max(near)] if near else ()
    return next(iter(best)) if len(best) == 1 else None
