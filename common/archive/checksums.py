"""Lists of sha256 checksums, in all the forms that people publish."""

import codecs
import re
from pathlib import PurePosixPath

LINE_MAX = 5000  # characters: a longer line is not one of a list
_HASH = r"(?P<hash>[0-9a-fA-F]{64})"
FORMS = [
    re.compile(form)
    for form in (
        rf"SHA2?-?256 ?\((?P<name>.+)\) ?= ?{_HASH}",  # BSD and `sha256sum --tag`, OpenSSL
        rf"(?:SHA256\s+)?\\?{_HASH}\s+\*?(?P<name>\S.*)",  # sha256sum, shasum, PowerShell's Get-FileHash
    )
]
MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, which begins alike
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def decode(content: bytes) -> str:
    """Text by its byte order mark, else UTF-16 where every second byte is 0, else UTF-8; never fails."""
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    start = content[:200]
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if zeros and not any(zeros):
            return content.decode(encoding, "replace")
    return content.decode("utf-8", "replace")


def parse(text: str) -> list[tuple[str, str]]:
    """Path and sha256, in small letters, of every line that names one; paths with `/`, as they stand."""
    found = []
    for line in text.splitlines():
        line = line.strip()
        match = next(filter(None, (form.fullmatch(line) for form in FORMS)), None) if len(line) < LINE_MAX else None
        if match:
            name, digest = match["name"], match["hash"]
        elif len(line) > 65 and line[-65] in " \t:=" and re.fullmatch(_HASH, line[-64:]):  # the name first
            name, digest = line[:-64].rstrip(" \t:="), line[-64:]
        else:
            continue
        found.append((name.replace("\\", "/").removeprefix("./"), digest.lower()))
    return found


def of_file(entries: list[tuple[str, str]], path: str) -> str | None:
    """The sha256 of a file in a list that may give any path before its name.

    Args:
        entries: from `parse`.
        path: of the file in the archive; of two entries with its name the one that agrees with more of it counts.

    Returns:
        None where no entry has its name, or several that are equally near give different sums.
    """
    name = PurePosixPath(path).name
    near: dict[int, set[str]] = {}
    for entry, digest in entries:
        if PurePosixPath(entry).name == name:
            whole = entry == name or f"/{path}".endswith(f"/{entry.lstrip('/')}")
            near.setdefault(2 if entry == name else 1 if whole else 0, set()).add(digest)
    best = near[max(near)] if near else ()
    return next(iter(best)) if len(best) == 1 else None
