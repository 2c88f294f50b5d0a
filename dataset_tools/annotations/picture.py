"""Opens pictures as upright RGB, and checks that their size matches the annotation."""

import io
import warnings
from contextlib import suppress

import numpy as np
from PIL import Image, ImageOps

from dataset_tools.annotations import naoth_log
from dataset_tools.annotations.record import FRACTIONS, Record
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.read_png import FAULTS
from dataset_tools.sources.zip_members import Member, read_file, read_member

FORMATS = ["PNG", "JPEG", "BMP", "WEBP", "PPM"]
PIXELS_MAX = 36_000_000  # 108 MB as RGB
BYTES_MAX = 256 << 20
ASPECT_TOLERANCE = 0.01  # relative difference allowed between the aspect ratios of a resized picture and its annotation
ORIENTATION = 0x0112


def read_bytes(record: Record) -> bytes:
    """Reads the bytes of a picture from a file, a message in a log or a member of a zip.

    Raises:
        Refused: the file is missing, too large or damaged, or cannot be read.
    """
    if record.place is None:
        return read_file(record.picture, BYTES_MAX)
    try:
        with record.picture.open("rb") as stream:
            if isinstance(record.place, Member):
                return read_member(stream.fileno(), record.place, BYTES_MAX)
            return naoth_log.read_message(stream, record.place)
    except OSError:
        raise Refused("cannot be read") from None


def read(record: Record) -> Image.Image:
    """Reads a picture as upright RGB.

    Raises:
        Refused: the picture cannot be read or decoded.
    """
    return decode(read_bytes(record), record)


def decode(data: bytes, record: Record) -> Image.Image:
    """Decodes the bytes of a picture's file or message to RGB.

    Rotates the picture according to its EXIF data, as annotation tools do, unless the annotated size is that of the
    picture before rotation.

    Raises:
        Refused: the picture is damaged, too large, or in an unsupported format.
    """
    if record.in_log:
        return naoth_log.to_rgb(naoth_log.yuyv(data, "JPEG" in record.place.message))
    with warnings.catch_warnings():
        # Pillow warns about large pictures, which are refused below, and about invalid EXIF data, which do not matter.
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            if image.width * image.height > PIXELS_MAX:
                raise Refused(f"picture of more than {PIXELS_MAX // 10**6} megapixels")
            image.load()
            image = _upright(image, record.size)
            return _rgb(image)
        except Image.DecompressionBombError:
            raise Refused(f"picture of more than {PIXELS_MAX // 10**6} megapixels") from None
        except FAULTS:
            raise Refused("damaged picture, or not PNG, JPEG, BMP, WebP or PPM") from None


def _upright(image: Image.Image, declared: tuple[float, float] | None) -> Image.Image:
    turned = image
    with suppress(*FAULTS):  # broken EXIF data are ignored
        if image.getexif().get(ORIENTATION, 1) not in (0, 1):
            turned = ImageOps.exif_transpose(image)
    if declared == image.size and declared != turned.size:
        return image
    return turned


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        high = np.asarray(image, np.uint16) >> 8
        image = Image.fromarray(high.astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise Refused("picture with more than 16 bits per channel")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image if image.mode == "RGB" else image.convert("RGB")


def scale(record: Record, width: int, height: int) -> tuple[float, float]:
    """Returns the factors that convert the boxes' x and y to pixels of the decoded picture.

    Raises:
        Refused: the picture's aspect ratio differs from that of the annotated picture.
    """
    if record.size is None:
        return 1.0, 1.0
    x, y = width / record.size[0], height / record.size[1]
    if record.size != FRACTIONS and abs(x / y - 1) > ASPECT_TOLERANCE:
        raise Refused("picture's aspect ratio differs from the annotation's")
    return x, y
