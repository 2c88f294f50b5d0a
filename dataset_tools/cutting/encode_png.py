"""Encodes patches as PNG with the text chunks of NaoTH; identical patches produce identical bytes."""

import struct
import zlib
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LEVEL = 0  # no compression; compressing would save a third of the space, but take longer than decoding the picture


def encode(pixels: np.ndarray, text: Mapping[str, object]) -> bytes:
    """Encodes a square patch as a PNG with one text chunk per entry of `text`.

    Numbers are written with at most three decimals. Text outside Latin-1 becomes an iTXt chunk, as PNG requires.

    Args:
        pixels: uint8 [side, side, 3], RGB; or [side, side] or [side, side, 1], grey.
        text: the text chunks, {keyword: value}.
    """
    side = len(pixels)
    rows = np.zeros((side, 1 + pixels.size // side), np.uint8)  # filter `none` in front of each row
    rows[:, 1:] = pixels.reshape(side, -1)
    colour = 0 if pixels.size == side * side else 2
    parts = [SIGNATURE, *_chunk(b"IHDR", struct.pack(">LL5B", side, side, 8, colour, 0, 0, 0))]
    for key, value in text.items():
        parts.append(_text(key, f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)))
    return b"".join((*parts, *_chunk(b"IDAT", zlib.compress(rows, LEVEL)), *_chunk(b"IEND", b"")))


@lru_cache(1 << 14)  # cached, because most texts are the same for all patches of a picture, or are small numbers
def _text(key: str, value: str) -> bytes:
    value = value.replace("\0", "")
    if value.isascii():
        return b"".join(_chunk(b"tEXt", f"{key}\0{value}".encode("ascii")))
    return b"".join(_chunk(b"iTXt", f"{key}\0\0\0\0\0{value}".encode("utf-8", "replace")))


def _chunk(kind: bytes, content: bytes) -> tuple[bytes, ...]:
    """Returns the parts of a chunk; joining them here would copy the pixels once more."""
    return len(content).to_bytes(4, "big"), kind, content, zlib.crc32(content, zlib.crc32(kind)).to_bytes(4, "big")
