"""Reads NaoTH logs, which are sequences of protobuf messages.

Each message is preceded by its frame number (int32), its name (which ends with a zero byte) and its size in bytes
(int32). Integers are little-endian.
"""

import io
import re
import struct
from collections.abc import Iterator
from math import isqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from PIL import Image

from common.errors import UserError
from dataset_tools.annotations.record import ODD, Place
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped

PIXELS = re.compile("(Image|ImageJPEG|BallCandidates)(Top)?")  # messages that contain pixels
HEADER = re.compile(rb"(.{4})([ -~]{1,127})\0(.{4})", re.DOTALL)  # frame, name and size of a message
HEADER_MAX = 4 + 127 + 1 + 4  # bytes
MESSAGE_MAX = 64 << 20  # maximum number of bytes of a message; a camera image has 614,400
SIDES_MAX = 1024  # maximum side of a candidate and of its box, in pixels
BYTES_PER_PIXEL = {0: 1, 1: 3, 2: 4}  # key: a candidate's pixel format: Y, YUV, or YUV + colour class


def places(path: Path) -> Iterator[Place | Skipped]:
    """Finds the messages that contain pixels, without reading the content of any message.

    If the robot was switched off in the middle of a message, the part of the log before that message is used.

    Raises:
        UserError: the file is not a log or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            length, at = stream.seek(0, io.SEEK_END), 0
            while at < length:
                stream.seek(at)
                head = stream.read(HEADER_MAX)
                found = HEADER.match(head)
                frame, size = struct.unpack("<2i", found[1] + found[3]) if found else (0, -1)
                start = at + found.end() if found else at
                if not 0 <= size <= length - start:
                    if not at:
                        raise UserError(f"{path}: not a NaoTH log. Received: first bytes {head[:12]!r}.")
                    yield Skipped(path.name, "log ends in the middle of a message, or is damaged from there on")
                    return
                if PIXELS.fullmatch(name := found[2].decode()):
                    yield Place(start, size, name, frame)
                at = start + size
    except OSError as error:
        raise UserError(f"{path}: not a readable log. Received: {error.strerror or error}. Pass a game.log.") from None


def read_message(stream, place: Place) -> bytes:
    """Reads the bytes of a message.

    Raises:
        Refused: the message is implausibly large, or the file has become shorter.
    """
    if place.size > MESSAGE_MAX:
        raise Refused(f"message larger than {MESSAGE_MAX >> 20} MB")
    stream.seek(place.offset)
    data = stream.read(place.size)
    if len(data) != place.size:
        raise Refused("log was truncated while it was read")
    return data


def fields(message: bytes) -> list[tuple[int, int | bytes]]:
    """Returns (number, value) of each field of a protobuf message; needs no schema.

    Raises:
        Refused: the bytes are not a message, or are truncated.
    """
    try:
        found = [(field.field_number, field.data) for field in UnknownFieldSet(Empty.FromString(message))]
    except DecodeError:
        raise Refused("damaged message in the log") from None
    return [(number, value) for number, value in found if isinstance(value, int | bytes)]  # groups are obsolete


def yuyv(message: bytes, jpeg: bool) -> np.ndarray:
    """Returns the camera image of an `Image` or `ImageJPEG` message: uint8 [height, width / 2, 4] of Y, U, Y, V.

    Raises:
        Refused: the image is damaged or is not YUV422.
    """
    try:
        parts = dict(fields(message))
        data, width, height = parts[1], parts.get(2, 640), parts.get(3, 480)
        pixels = _inverted(data, width * height * 2) if jpeg else np.frombuffer(data, np.uint8)
        if not pixels.size:
            raise ValueError
        return pixels.reshape(height, width // 2, 4)
    except (*ODD, OSError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused("camera image in the log is damaged or not YUV422") from None


def _inverted(data: bytes, size: int) -> np.ndarray:
    """Decodes the robot's JPEG.

    The JPEG contains Y, U, Y and V as four channels of half the width. JPEG decoders mistake these channels for CMYK
    and invert them.
    """
    image = Image.open(io.BytesIO(data), formats=["JPEG"])
    if image.width * image.height * len(image.getbands()) != size or size > MESSAGE_MAX:
        raise ValueError
    return 255 - np.asarray(image)


def to_rgb(pixels: np.ndarray) -> Image.Image:
    """Converts Y, U, Y, V uint8 [height, width / 2, 4] to RGB with Pillow's YCbCr conversion."""
    luma = pixels[..., 0::2].reshape(len(pixels), -1)
    chroma = (pixels[..., channel].repeat(2, axis=1) for channel in (1, 3))
    return Image.fromarray(np.dstack((luma, *chroma)), "YCbCr").convert("RGB")


class Candidate(NamedTuple):
    """A patch that the robot classified: RGB or grey uint8 [n, n, 3 or 1], and its box in camera pixels."""

    pixels: np.ndarray
    box: tuple[int, int, int, int]


def candidates(message: bytes) -> Iterator[Candidate | Refused]:
    """Reads the patches of a `BallCandidates` message.

    The robot stores the pixels of a patch column by column; the patches that are returned are upright.

    Yields:
        Each patch; for a damaged patch, a `Refused` with the reason.

    Raises:
        Refused: the message as a whole is damaged.
    """
    for number, value in fields(message):
        if number == 1 and isinstance(value, bytes):
            try:
                yield _candidate(dict(fields(value)))
            except Refused as refused:
                yield refused


def _candidate(parts: dict) -> Candidate:
    try:
        corners = [dict(fields(parts[corner]))[axis] for corner in (1, 2) for axis in (1, 2)]
        # Protobuf stores negative numbers as their two's complement.
        left, top, right, bottom = (value - (value >> 63 << 64) for value in corners)
        data, each = np.frombuffer(parts[5], np.uint8), BYTES_PER_PIXEL[parts.get(3, 0)]
        side = isqrt(len(data) // each)
        pixels = data.reshape(side, side, each).swapaxes(0, 1)[..., :3]
        if not (0 < right - left <= SIDES_MAX and 0 < bottom - top <= SIDES_MAX and 0 < side <= SIDES_MAX):
            raise ValueError
    except ODD:
        raise Refused("candidate in the log is damaged, is not square, or has an impossible box") from None
    if each > 1:
        pixels = np.asarray(Image.fromarray(np.ascontiguousarray(pixels), "YCbCr").convert("RGB"))
    return Candidate(np.ascontiguousarray(pixels), (left, top, right, bottom))
