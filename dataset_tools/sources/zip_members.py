"""Reads the PNG files of a zip much faster than zipfile, and rejects zip bombs, damaged files and unsafe names."""

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from common.cli.printable import LIMIT, printable
from common.errors import UserError
from dataset_tools.sources.labels import Refused

MEMBER_LIMIT_BYTES = 4 << 20  # a patch has a few kB
DIRECTORY_LIMIT_BYTES = 128 << 20  # enough for about a million members, each of which takes about 600 bytes of memory
# zipfile raises all of these for damaged files, in addition to its own exception.
FAULTS = (zipfile.BadZipFile, OSError, ValueError, LookupError, ArithmeticError, RuntimeError, MemoryError)
FAULTS += (struct.error,)
LOCAL_HEADER = 30  # bytes of a member's header before its name and its extra field
EXTRA_GUESS = 64  # bytes read ahead for the extra field, so that one read is nearly always enough


class Member(NamedTuple):
    """One PNG: its name, and how it is stored in the zip. An `offset` of -1 means a plain file with that path."""

    name: str
    offset: int
    packed: int
    size: int
    method: int
    crc: int
    flags: int


def members(path: Path, suffixes: tuple[str, ...] = (".png",)) -> list[Member]:
    """Returns the files with these suffixes in a zip, sorted by name; other files are ignored.

    Raises:
        UserError: the file is not a zip file.
    """
    if not path.is_file() or not path.stat().st_size:  # reading a pipe would block
        what = "an empty file" if path.is_file() else "not a regular file"
        raise UserError(f"{path}: not a readable zip file. Received: {what}.")
    try:
        with _Bounded(path) as stream, zipfile.ZipFile(stream) as archive:
            found = [
                Member(
                    info.filename,
                    info.header_offset,
                    info.compress_size,
                    info.file_size,
                    info.compress_type,
                    info.CRC,
                    info.flag_bits,
                )
                for info in archive.infolist()
                if info.filename.lower().endswith(suffixes)
            ]
    except FAULTS as error:
        raise UserError(f"{path}: not a readable zip file. Received: {printable(error, LIMIT)}.") from None
    return sorted(found)


class _Bounded(io.FileIO):
    """A file that limits how much is read at once, because zipfile reads as much as a crafted header asks for."""

    def read(self, size: int = -1) -> bytes:
        if size > DIRECTORY_LIMIT_BYTES:
            raise ValueError(f"a directory of {size} bytes")
        return super().read(size)


def read_member(descriptor: int, member: Member, most: int = MEMBER_LIMIT_BYTES) -> bytes:
    """Returns the unpacked bytes of a member.

    Args:
        descriptor: file descriptor of the zip, open for reading.
        member: the member to read.
        most: maximum number of bytes, both packed and unpacked.

    Raises:
        Refused: the name is unsafe, or the member is encrypted, too large, damaged, or neither stored nor deflated.
    """
    check_name(member.name)
    if member.flags & 1:
        raise Refused("encrypted")
    if max(member.size, member.packed) > most:
        raise Refused(f"larger than {most >> 20} MB unpacked")
    if member.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused("neither stored nor deflated")
    packed = _packed_bytes(descriptor, member)
    if member.method == zipfile.ZIP_DEFLATED:
        packed = _inflate(packed, member.size)
    if len(packed) != member.size or zlib.crc32(packed) != member.crc:
        raise Refused("damaged in the zip")
    return packed


def read_file(path: Path, most: int = MEMBER_LIMIT_BYTES) -> bytes:
    """Reads the bytes of a plain file.

    Raises:
        Refused: the file is missing, not a regular file, unreadable, or has more than `most` bytes.
    """
    try:
        if not path.is_file():
            raise Refused("missing, or not a regular file")  # reading a pipe would block
        if path.stat().st_size > most:
            raise Refused(f"larger than {most >> 20} MB")
        return path.read_bytes()
    except OSError:
        raise Refused("cannot be read") from None


def check_name(name: str) -> None:
    """Rejects names that point outside the zip. Such a name is never used as a path, but the zip is suspicious.

    Raises:
        Refused: the name is absolute, or contains `..`, a drive or a backslash.
    """
    if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
        raise Refused("name points outside the zip")


def _packed_bytes(descriptor: int, member: Member) -> bytes:
    name_guess = len(member.name.encode("utf-8", "replace"))
    if not 0 <= member.offset < 1 << 62:
        raise Refused("damaged in the zip")
    wanted = LOCAL_HEADER + name_guess + EXTRA_GUESS + member.packed
    data = os.pread(descriptor, wanted, member.offset)
    if len(data) < LOCAL_HEADER or data[:4] != b"PK\x03\x04":
        raise Refused("damaged in the zip")
    name_length, extra_length = struct.unpack_from("<HH", data, 26)
    start = LOCAL_HEADER + name_length + extra_length
    if start + member.packed > len(data):
        data, start = os.pread(descriptor, member.packed, member.offset + start), 0
    return data[start : start + member.packed]


def _inflate(packed: bytes, size: int) -> bytes:
    """Unpacks at most one byte more than the size in the zip's directory, so that a zip bomb does no harm."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, size + 1)
    except zlib.error:
        raise Refused("damaged in the zip") from None
