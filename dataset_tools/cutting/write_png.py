"""Writes patches as PNG files with the text chunks of NaoTH; equal patches give equal bytes."""

import struct
import zlib
from collections.abc import Mapping

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LEVEL = 0  # zlib's level for no compression, which would save a third but take longer than decoding the picture


def encode(pixels: np.ndarray, text: Mapping[str, object]) -> bytes:
    """A PNG of a square, with one text chunk per entry.

    Numbers are written with at most three decimals. Text outside Latin-1 becomes an iTXt chunk, as PNG requires.

    Args:
        pixels: uint8 [side, side], gray, or [side, 3 * side], alternately red, green and blue.
        text: texts by keyword.
    """
    side, width = pixels.shape
    rows = np.zeros((side, 1 + width), np.uint8)  # filter `none` in front of each row
    rows[:, 1:] = pixels
    header = struct.pack(">LL5B", side, side, 8, 0 if side == width else 2, 0, 0, 0)
    parts = [SIGNATURE, *_chunk(b"IHDR" + header)]
    for key, value in text.items():
        parts += _text(key, value)
    parts += _chunk(b"IDAT" + zlib.compress(rows, LEVEL))
    parts += _chunk(b"IEND")
    return b"".join(parts)


def _text(key: str, value: object) -> tuple[bytes, bytes, bytes]:
    if isinstance(value, float):
        value = f"{value:.3f}".rstrip("0").rstrip(".")
    words = str(value).replace("\0", "")
    if words.isascii():
        return _chunk(f"tEXt{key}\0{words}".encode("ascii"))
    return _chunk(f"iTXt{key}\0\0\0\0\0{words}".encode("utf-8", "replace"))


def _chunk(content: bytes) -> tuple[bytes, bytes, bytes]:
    return (len(content) - 4).to_bytes(4, "big"), content, zlib.crc32(content).to_bytes(4, "big")
