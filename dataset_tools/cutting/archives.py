"""Writes patch archives in NaoTH's format, ROOT/{top,bottom}/RECORDING.zip: either all of them or none."""

import re
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from common.cli.stop_request import uninterrupted
from common.errors import UserError

DATE = (1980, 1, 1, 0, 0, 0)  # date of all members; constant, so that identical patches produce identical archives
BUFFER = 1 << 20  # bytes written at a time
NAME_MAX = 150  # maximum number of bytes in a recording's name


def file_name(text: str) -> str:
    """Returns a name that all file systems accept and that cannot point outside the folder."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    text = "".join("_" if letter in '\\/:*?"<>|' or not letter.isprintable() else letter for letter in text)
    return text.encode()[:NAME_MAX].decode("utf-8", "ignore").strip(" .") or "_"


def member_name(text: str) -> str:
    """Converts a picture's path to the beginning of the names that its patches have in an archive."""
    return "/".join(file_name(part) for part in re.split(r"[/\\]", text) if part not in ("", ".", ".."))


def check(root: Path, names: Iterable[str], replace: bool) -> None:
    """Checks that no archive would be overwritten, unless `replace` is True.

    Raises:
        UserError: an archive with one of these names already exists, as a zip or as a folder.
    """
    there = sorted(name for name in names if (root / name).exists() or (root / name).with_suffix("").exists())
    if there and not replace:
        shown = ", ".join(there[:5])
        raise UserError(
            f"{root} already has these recordings. Received: {shown}. Choose another --output, or --replace."
        )


def write(path: Path, members: Iterable[tuple[str, bytes]]) -> int:
    """Writes one archive, unless there are no members; returns the number of members.

    Args:
        path: `CAMERA/RECORDING.zip` in the folder of unfinished archives.
        members: (beginning of the name, content) of each member. A number is appended to each name, so that all names
            differ.
    """
    path.parent.mkdir(exist_ok=True)
    counts: Counter[str] = Counter()
    with path.open("wb", BUFFER) as stream, zipfile.ZipFile(stream, "w") as archive:
        for start, content in members:
            info = zipfile.ZipInfo(f"{start}_{counts[start]:02d}.png", DATE)
            counts[start] += 1
            info.create_system, info.external_attr = 3, 0o644 << 16  # the same values on every system
            # Does the same as `writestr` in less than half the time, because `writestr` seeks back to each header.
            info.CRC, info.file_size, info.compress_size = zlib.crc32(content), len(content), len(content)
            info.header_offset = archive.start_dir
            archive.start_dir += stream.write(info.FileHeader(zip64=False)) + stream.write(content)
            archive.filelist.append(info)
    if not counts:
        path.unlink()
    return counts.total()


def publish(folder: Path, root: Path) -> list[str]:
    """Moves all archives from the folder for unfinished archives to `root`; returns their names."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.zip"))
    with uninterrupted():
        for name in names:
            (root / name).parent.mkdir(exist_ok=True)
            (folder / name).replace(root / name)
    return names
