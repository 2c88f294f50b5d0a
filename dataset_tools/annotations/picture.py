"""Opens pictures of any kind as RGB, upright, and checks that their size fits the annotation."""

import io
import warnings
from contextlib import suppress

import numpy as np
from PIL import Image, ImageOps

from dataset_tools.annotations import naoth_log
from dataset_tools.annotations.record import FRACTIONS, Record
from dataset_tools.sources.labels import Refused

FORMATS = ["PNG", "JPEG", "BMP", "WEBP", "PPM"]
PIXELS_MAX = 36_000_000  # 108 MB as RGB
BYTES_MAX = 256 << 20
ASPECT_TOLERANCE = 0.01  # by which a picture that was made smaller may differ from the declared size
ORIENTATION = 0x0112
FAULTS = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, MemoryError)


def read_bytes(record: Record) -> bytes:
    """The bytes of a picture: of its file, or of its message in a log.

    Raises:
        Refused: no file, too large, or it cannot be read.
    """
    path = record.picture
    try:
        if path is None or not path.is_file():
            raise Refused("missing picture")  # a pipe would be waited for
        with path.open("rb") as stream:
            if record.place is not None:
                return naoth_log.read_message(stream, record.place)
            if path.stat().st_size > BYTES_MAX:
                raise Refused(f"picture file larger than {BYTES_MAX >> 20} MB")
            return stream.read()
    except OSError:
        raise Refused("unreadable picture") from None


def decode(data: bytes, record: Record) -> Image.Image:
    """The picture in RGB, of the bytes of its file or message.

    Turned as its EXIF data say, as all annotation tools show it, unless the annotation is of the picture unturned.

    Raises:
        Refused: damaged, absurdly large, or of another shape than the boxes are for.
    """
    if record.place is not None:
        return naoth_log.to_rgb(naoth_log.yuyv(data, "JPEG" in record.place.message))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own limit of pixels is higher; odd EXIF data are no matter
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
            raise Refused("damaged picture, or none of PNG, JPEG, BMP, WebP and PPM") from None


def _upright(image: Image.Image, declared: tuple[float, float] | None) -> Image.Image:
    turned = image
    with suppress(*FAULTS):  # broken EXIF data turn nothing
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
        raise Refused("picture of more than 16 bits per channel")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image if image.mode == "RGB" else image.convert("RGB")


def scale(record: Record, width: int, height: int) -> tuple[float, float]:
    """Factors that turn the boxes' x and y into pixels of the picture.

    Raises:
        Refused: the picture has another shape than the one that was annotated.
    """
    if record.size is None:
        return 1.0, 1.0
    x, y = width / record.size[0], height / record.size[1]
    if record.size != FRACTIONS and abs(x / y - 1) > ASPECT_TOLERANCE:
        raise Refused("picture's aspect ratio differs from the annotation's")
    return x, y
