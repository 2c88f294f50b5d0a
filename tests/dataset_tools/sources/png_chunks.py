"""Makes parts of PNG files, and PNG files that Pillow would not write."""

import struct
import zlib


def chunk(kind, data):
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def header_only(width, height, bits=8, colour=2):
    """Makes a PNG that has this size and type in its header, but only ten bytes of pixels."""
    header = struct.pack(">LLBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(10))), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
