"""The fast decoder gives the same pixels and texts as Pillow's own reader; damaged files are rejected."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from dataset_tools.sources.labels import Refused
from dataset_tools.sources.read_png import decode_png

from .png_chunks import chunk


def png(pixels, mode="RGB", level=6, compressed=False, **text):
    info = PngImagePlugin.PngInfo()
    for key, value in text.items():
        info.add_text(key, value, zip=compressed)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "PNG", pnginfo=info, compress_level=level)
    return buffer.getvalue()


def noise(width, height, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def assert_like_pillow(content):
    rgbx, text = decode_png(content)
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        wanted = np.asarray(image.convert("RGB"))
        assert np.array_equal(rgbx.view(np.uint8).reshape(*rgbx.shape, 4)[..., :3], wanted)
        assert (rgbx >> 24 == 255).all()
        assert {key: str(text[key]) for key in image.text} == {key: str(value) for key, value in image.text.items()}


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["RGB", "RGB", "L", "P", "RGBA", "LA", "1"]),
    st.integers(0, 9),
    st.booleans(),
    st.dictionaries(st.text("abc_", min_size=1, max_size=9), st.text("0123.é \n", max_size=20), max_size=4),
)
def test_the_pixels_and_texts_match_those_of_pillow(width, height, mode, level, compressed, text):
    assert_like_pillow(png(noise(width, height), mode, level, compressed, **text))


@pytest.mark.parametrize("kind", [b"gAMA", b"eXIf", b"prVt", b"tIME"])
def test_other_chunks_do_no_harm(kind):
    content = png(noise(9, 7), ball_intersect="0.5")
    assert_like_pillow(content[:33] + chunk(kind, bytes(8)) + content[33:])


def test_pixels_in_many_chunks():
    content = png(noise(30, 30))
    start = content.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">L", content, start)
    data = content[start + 8 : start + 8 + length]
    parts = b"".join(chunk(b"IDAT", data[at : at + 100]) for at in range(0, length, 100))
    assert_like_pillow(content[:start] + parts + content[start + 12 + length :])


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data())
def test_one_wrong_bit_is_detected(data):
    content = bytearray(png(noise(8, 8), ball_intersect="0.75"))
    position = data.draw(st.integers(8, len(content) - 13))  # errors in the signature or in IEND give other messages
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Refused, match="damaged PNG"):
        decode_png(bytes(content))


@pytest.mark.parametrize(
    "extra", [chunk(b"cHRM", b"12345"), chunk(b"tRNS", b"1"), chunk(b"gAMA", b""), chunk(b"iCCP", b"a\0zz"), b"\0" * 20]
)
def test_impossible_chunks(extra):
    content = png(noise(8, 8))
    with pytest.raises(Refused, match="damaged PNG"):
        decode_png(content[:33] + extra + content[33:])


def test_fewer_pixels_than_announced():
    content = png(noise(8, 8))
    header = content[8:33].replace(struct.pack(">LL", 8, 8), struct.pack(">LL", 8, 9))
    with pytest.raises(Refused, match="damaged PNG"):
        decode_png(content[:8] + header[:-4] + struct.pack(">L", zlib.crc32(header[4:-4])) + content[33:])
