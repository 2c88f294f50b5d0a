"""NaoTH logs, repeating: int32 frame, zero-terminated name, int32 size, protobuf message; little-endian, unaligned."""

import io
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
from dataset_tools.annotations.record import Place
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped

CAMERAS = {  # camera of each message that contains pixels
    "Image": "bottom",
    "ImageTop": "top",
    "ImageJPEG": "bottom",
    "ImageJPEGTop": "top",
    "BallCandidates": "bottom",
    "BallCandidatesTop": "top",
}
NAME_MAX = 128  # bytes of a message's name
MESSAGE_MAX = 64 << 20  # bytes; a camera image has 614,400
SIDE_MAX = 8192  # pixels of a picture
SIDES_MAX = 1024  # pixels of a candidate in the picture
BYTES_PER_PIXEL = {0: 1, 1: 3, 2: 4}  # of a candidate: Y, YUV, YUV and colour class


def places(path: Path) -> Iterator[Place | Skipped]:
    """Finds the messages that contain pixels, without reading the content of any message.

    If the log ends in the middle of a message, because the robot was switched off, the part before is used.

    Raises:
        UserError: not a log, or the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            length = stream.seek(0, io.SEEK_END)
            at, found = 0, False
            while at < length:
                stream.seek(at)
                head = stream.read(4 + NAME_MAX + 4)
                name, start, size = _header(head, at)
                if name is None or size > length - start:
                    if not found:
                        raise UserError(f"{path}: not a NaoTH log. Received: first bytes {head[:12]!r}.")
                    yield Skipped(path.name, "log ends in the middle of a message, or is damaged from there on")
                    return
                found = True
                if name in CAMERAS:
                    yield Place(start, size, name, struct.unpack_from("<i", head)[0])
                at = start + size
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}.") from None


def _header(head: bytes, at: int) -> tuple[str | None, int, int]:
    """Name of a message, and offset and size of its content; the name is None if this is not a header."""
    end = head.find(b"\0", 4)
    name = head[4:end]
    if end < 5 or end + 5 > len(head) or not name.isascii() or not name.decode("ascii").isprintable():
        return None, at, 0
    size = struct.unpack_from("<i", head, end + 1)[0]
    return (None, at, 0) if size < 0 else (name.decode("ascii"), at + end + 5, size)


def read_message(stream, place: Place) -> bytes:
    """The bytes of a message.

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
    """(number, value) of each field of a protobuf message, read without its description.

    Raises:
        Refused: not a message, or cut off.
    """
    try:
        found = [(field.field_number, field.data) for field in UnknownFieldSet(Empty.FromString(message))]
    except DecodeError:
        raise Refused("damaged message in the log") from None
    return [(number, value) for number, value in found if isinstance(value, int | bytes)]  # groups are obsolete


def yuyv(message: bytes, jpeg: bool) -> np.ndarray:
    """The camera image of an `Image` or `ImageJPEG` message: uint8 [height, width / 2, 4] of Y, U, Y, V.

    Raises:
        Refused: damaged, or another layout.
    """
    parts = dict(fields(message))
    data, width, height = parts.get(1), parts.get(2, 640), parts.get(3, 480)
    if not isinstance(data, bytes) or not isinstance(width, int) or not isinstance(height, int):
        raise Refused("damaged message in the log")
    if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX) or width % 2:
        raise Refused("camera image of an impossible size")
    if jpeg:
        data = _inverted(data, width, height)
    if len(data) != width * height * 2:
        raise Refused("camera image that is not YUV422")
    return np.frombuffer(data, np.uint8).reshape(height, width // 2, 4)


def _inverted(data: bytes, width: int, height: int) -> np.ndarray:
    """Decodes the robot's JPEG: Y, U, Y, V as four channels of half the width, which decoders invert like CMYK."""
    try:
        image = Image.open(io.BytesIO(data), formats=["JPEG"])
        if image.width * image.height * len(image.getbands()) != width * height * 2:
            raise Refused("camera image that is not YUV422")
        return 255 - np.asarray(image).reshape(-1)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused("damaged JPEG in the log") from None


def to_rgb(pixels: np.ndarray) -> Image.Image:
    """Converts Y, U, Y, V uint8 [height, width / 2, 4] to RGB with Pillow's YCbCr conversion."""
    height, half, _ = pixels.shape
    ycbcr = np.empty((height, half * 2, 3), np.uint8)
    ycbcr[:, 0::2, 0], ycbcr[:, 1::2, 0] = pixels[..., 0], pixels[..., 2]
    ycbcr[:, 0::2, 1] = ycbcr[:, 1::2, 1] = pixels[..., 1]
    ycbcr[:, 0::2, 2] = ycbcr[:, 1::2, 2] = pixels[..., 3]
    return Image.fromarray(ycbcr, "YCbCr").convert("RGB")


class Candidate(NamedTuple):
    """A patch that the robot classified: RGB or gray uint8 [n, n, 3 or 1], and its box in the camera image, pixels."""

    pixels: np.ndarray
    box: tuple[int, int, int, int]


def candidates(message: bytes) -> Iterator[Candidate | Refused]:
    """The patches of a `BallCandidates` message, turned upright because the robot stores them column by column.

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
    corners = [
        dict(fields(part)).get(key)
        for part in (parts.get(1), parts.get(2))
        if isinstance(part, bytes)
        for key in (1, 2)
    ]
    data, each = parts.get(5), BYTES_PER_PIXEL.get(parts.get(3, 0))
    if not isinstance(data, bytes) or each is None or [type(value) for value in corners] != [int] * 4:
        raise Refused("damaged candidate in the log")
    left, top, right, bottom = (value - (value >> 63 << 64) for value in corners)  # negative: two's complement
    side = isqrt(len(data) // each)
    if side == 0 or side * side * each != len(data) or side > SIDES_MAX:
        raise Refused("candidate that is not square")
    if not (0 < right - left <= SIDES_MAX and 0 < bottom - top <= SIDES_MAX):
        raise Refused("candidate with an impossible box")
    pixels = np.frombuffer(data, np.uint8).reshape(side, side, each).swapaxes(0, 1)[..., :3]
    if each > 1:
        pixels = np.asarray(Image.fromarray(np.ascontiguousarray(pixels), "YCbCr").convert("RGB"))
    return Candidate(np.ascontiguousarray(pixels), (left, top, right, bottom))
