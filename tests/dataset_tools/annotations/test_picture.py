"""Pictures of all modes and rotations are read; huge, damaged and missing pictures are rejected."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from dataset_tools.annotations import picture
from dataset_tools.annotations.record import Record
from dataset_tools.sources.labels import Refused
from tests.dataset_tools.annotations import scenes


def picture_file(path):
    return Record(path.name, (), False, picture=path)


def saved(path, image, **options):
    image.save(path, **options)
    return picture_file(path)


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_pictures_of_any_mode_are_read(mode, tmp_path):
    image = scenes.picture(3)
    image = image.quantize(256).convert("RGB") if mode == "P" else image
    wanted = np.asarray(image.convert("RGB") if mode in ("P", "RGBA", "CMYK") else image.convert("L").convert("RGB"))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 256)
    else:
        image = image.quantize(256) if mode == "P" else image.convert(mode)
    record = saved(tmp_path / ("a.jpg" if mode == "CMYK" else "a.png"), image)
    found = np.asarray(picture.decode(picture.read_bytes(record), record))
    assert found.shape == (240, 320, 3)
    assert np.abs(found.astype(int) - wanted).mean() < (12 if mode == "CMYK" else 1)


def test_exif_rotates_the_picture_unless_the_boxes_fit_the_unrotated_one(tmp_path):
    image = scenes.picture(3, (320, 240))
    exif = Image.Exif()
    exif[picture.ORIENTATION] = 6
    record = saved(tmp_path / "a.jpg", image, exif=exif, quality=95)
    data = picture.read_bytes(record)
    assert picture.decode(data, record).size == (240, 320)
    assert picture.decode(data, record._replace(size=(240, 320))).size == (240, 320)
    assert picture.decode(data, record._replace(size=(320, 240))).size == (320, 240)


def test_a_picture_may_differ_from_its_annotation_in_size_but_not_in_shape():
    record = Record("a", (), True, size=(640, 480))
    assert picture.scale(record, 320, 240) == (0.5, 0.5)
    with pytest.raises(Refused, match="aspect ratio"):
        picture.scale(record, 480, 640)


def huge_png(width, height):
    rows = zlib.compress(bytes(1 + width // 8) * height, 9)

    def chunk(kind, content):
        return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))

    header = struct.pack(">LL5B", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_000, 40_000])
def test_a_picture_of_a_hundred_megapixels_is_never_unpacked(side, tmp_path):
    (tmp_path / "a.png").write_bytes(huge_png(side, side))
    record = picture_file(tmp_path / "a.png")
    tracemalloc.start()
    with pytest.raises(Refused, match="more than 36 megapixels"):
        picture.decode(picture.read_bytes(record), record)
    assert tracemalloc.get_traced_memory()[1] < 30 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(50), b"\xff\xd8\xff\xe0" + bytes(99), "cut"]
)
def test_damaged_pictures_are_refused(content, tmp_path):
    path = tmp_path / "a.png"
    if content == "cut":
        scenes.picture(1).save(path)
        content = path.read_bytes()[:2000]
    path.write_bytes(content)
    record = picture_file(path)
    with pytest.raises(Refused, match="damaged picture"):
        picture.decode(picture.read_bytes(record), record)


@pytest.mark.parametrize("name", ["gone.png", "folder"])
def test_pictures_that_are_not_regular_files(name, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(Refused, match="missing, or not a regular file"):
        picture.read_bytes(picture_file(tmp_path / name))
