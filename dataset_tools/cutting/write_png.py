"""Writes patches as PNG files with the text chunks of NaoTH; equal patches give equal bytes."""

import struct
import zlib
from collections.abc import Mapping

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LEVEL = 0  # of zlib: stored. Compressed patches are a third smaller, but take longer than decoding the picture


def encode(pixels: bytes, side: int, text: Mapping[str, object]) -> bytes:
    """A PNG of a square of RGB or gray pixels, with one text chunk per entry.

    Numbers are written with at most three decimals. Text outside Latin-1 becomes an iTXt chunk, as the format asks.
    """
    flat = np.frombuffer(pixels, np.uint8).reshape(side, -1)
    rows = np.empty((side, 1 + flat.shape[1]), np.uint8)
    rows[:, 0], rows[:, 1:] = 0, flat  # filter `none` in front of each row
    colour = 2 if len(pixels) == 3 * side * side else 0
    parts = [SIGNATURE, _chunk(b"IHDR" + struct.pack(">LL5B", side, side, 8, colour, 0, 0, 0))]
    parts += [_text(key, value) for key, value in text.items()]
    parts += [_chunk(b"IDAT" + zlib.compress(rows.tobytes(), LEVEL)), _chunk(b"IEND")]
    return b"".join(parts)


def _text(key: str, value: object) -> bytes:
    if isinstance(value, float):
        value = f"{value:.3f}".rstrip("0").rstrip(".")
    words = str(value).replace("\0", "")
    if words.isascii():
        return _chunk(f"tEXt{key}\0{words}".encode("ascii"))
    return _chunk(f"iTXt{key}\0\0\0\0\0{words}".encode("utf-8", "replace"))


def _chunk(content: bytes) -> bytes:
    return struct.pack(">L", len(content) - 4) + content + struct.pack(">L", zlib.crc32(content))
