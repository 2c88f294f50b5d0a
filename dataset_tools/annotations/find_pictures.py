"""Finds pictures named in annotations, even if a name is a URL, has a prefix or contains another machine's folders."""

import os
import re
import unicodedata
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from dataset_tools.sources.labels import Refused

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm"}
UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")  # the prefix that Label Studio adds to the names of uploaded files


def walk(folder: Path, suffixes: set[str]) -> list[str]:
    """Returns the sorted paths of all files with these suffixes below a folder, except hidden files and folders."""
    found = []
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = Path(at).relative_to(folder).as_posix()
        for name in names:
            if os.path.splitext(name)[1].lower() in suffixes and not name.startswith("."):  # noqa: PTH122  ten times as fast
                found.append(name if inside == "." else f"{inside}/{name}")
    return sorted(found)


def path_of(address: str) -> str:
    """Returns the path in an annotation's URL or file name, without scheme, host and query; `/` separates folders."""
    if "://" in address or address.startswith("/data/"):
        parts = urlsplit(address)
        # Label Studio writes the path of a local file as ?d=PATH.
        address = parse_qs(parts.query).get("d", [""])[0] or unquote(parts.path)
    return re.sub(r"^(?:[A-Za-z]:)?/+(?:data/upload/\d+/)?", "", address.replace("\\", "/"))


class PictureFolder:
    """Looks up pictures below a folder by their names in annotations."""

    def __init__(self, root: Path):
        self.root = root

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Paths below the root, by file name.

        The names are in composed Unicode form, because macOS decomposes umlauts.
        """
        names: dict[str, list[str]] = {}
        for path in walk(self.root, SUFFIXES):
            names.setdefault(_composed(PurePosixPath(path).name), []).append(path)
        return names

    def find(self, name: str) -> Path:
        """Finds the file of a picture.

        Tries the whole name first, then the name without its leading folders, then the file name anywhere below the
        root. In names such as Label Studio's `../../media/upload/1/a.jpg`, only the part after the last `..` is used.

        Raises:
            Refused: no picture or several pictures have that name, or the name points outside the folder.
        """
        parts = PurePosixPath(name.rpartition("../")[2]).parts
        if not parts or ".." in parts or "\0" in name:
            raise Refused("picture's name points outside the folder")
        for start in range(len(parts)):
            path = self.root.joinpath(*parts[start:])
            if len(os.fsencode(parts[-1])) < 256 and path.is_file():
                return path
        for wanted in (parts[-1], UPLOAD.sub("", parts[-1], count=1)):
            found = self._by_name.get(_composed(wanted), [])
            if len(found) == 1:
                return self.root / found[0]
            if found:
                raise Refused("several folders contain a picture with this name")
        raise Refused("missing picture")


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
