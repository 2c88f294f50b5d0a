"""Damaged zips, pictures and pickles are skipped or rejected without a traceback, in bounded time and memory."""

import hashlib
import io
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from dataset_tools.building.subsample_chunk import Plan, decode
from dataset_tools.sources import safe_pickle
from dataset_tools.sources.patch_sources import DEVILS, TK03, Chunk, Skipped, _cut, naoth_chunks, read
from dataset_tools.sources.read_png import decode_png

from ...fuzzing import mutated, survives

PLAN = Plan((16,), True, "robot")


def picture(side=20, mode="RGB", **text):
    info = PngImagePlugin.PngInfo()
    for key, value in text.items():
        info.add_text(key, str(value))
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def pictures():
    text = {
        "ball_intersect": 0.9,
        "ball_center_x": 9,
        "ball_center_y": 8,
        "ball_radius": 7,
        "p_min_x": 1,
        "p_max_x": 21,
    }
    return [picture(20, mode, **text) for mode in ("RGB", "RGBA", "L", "P", "1", "LA")]


def zipped(method, comment=b"", names=("a.png", "x/1.00/upper.png")):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.comment = comment
        for name in names:
            archive.writestr(name, picture(20, ball_intersect=0.9))
    return buffer.getvalue()


def zips():
    many = zipped(zipfile.ZIP_STORED, b"comment", ("ä.png", "r/0.00/lower.png", "text.txt"))
    return [zipped(zipfile.ZIP_STORED), zipped(zipfile.ZIP_DEFLATED), many]


def pickled(protocol):
    generator = np.random.default_rng(0)
    targets = np.zeros((3, 4), np.float32)
    targets[:2] = [0.4, 0.5, 0.45, 1]
    parts = 0.5, generator.uniform(-0.5, 0.5, (3, 16, 16)).astype("f4"), targets, ["a.png", "b", "c"]
    return b"".join(pickle.dumps(part, protocol) for part in parts)


def reader_of_zips(folder):
    path = folder / "top" / "log.zip"
    path.parent.mkdir(exist_ok=True)

    def read_zip(content):
        path.write_bytes(content)
        chunks = [*naoth_chunks(folder, 10), *_cut(Chunk(DEVILS, path))]
        for chunk in chunks:
            if not isinstance(chunk, Skipped):
                decode(chunk, PLAN)

    return read_zip


def reader_of_pictures(folder):
    path = folder / "top" / "log" / "a.png"
    path.parent.mkdir(parents=True, exist_ok=True)

    def read_picture(content):
        path.write_bytes(content)
        for chunk in naoth_chunks(folder, 0):
            decode(chunk, PLAN)

    return read_picture


def reader_of_pickles(folder):
    path = folder / "tk03.pkl"

    def read_pickle(content):
        path.write_bytes(content)
        try:
            list(read(Chunk(TK03, path), hashlib.sha256()))
        finally:
            list(safe_pickle.load_all(path))

    return read_pickle


CASES = {
    "zips": (zips, reader_of_zips, 8000),
    "pictures": (pictures, reader_of_pictures, 6000),
    "pickles": (lambda: [pickled(protocol) for protocol in range(6)], reader_of_pickles, 8000),
}


@pytest.mark.parametrize("case", CASES)
def test_some_damaged_sources_are_read_or_refused(tmp_path, case):
    bases, reader, _ = CASES[case]
    counts = survives(mutated(7, bases(), 200), reader(tmp_path))
    assert set(counts) <= {"read", "refused"}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_thousands_of_damaged_sources_are_read_or_refused(tmp_path, case):
    bases, reader, count = CASES[case]
    tracemalloc.start()
    try:
        counts = survives(mutated(1, bases(), count), reader(tmp_path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert set(counts) <= {"read", "refused"}
    assert peak < 200e6


def test_an_undamaged_picture_is_read():
    for content in pictures():
        pixels, text = decode_png(content)
        assert pixels.shape == (20, 20)
        assert text["ball_radius"] == "7"
