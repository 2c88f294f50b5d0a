"""The readers yield each patch, or a reason if the input is broken or hostile. They never write a file."""

import hashlib
import os
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from dataset_tools.sources.patch_sources import (
    DEVILS,
    NAOTH,
    devils_chunks,
    naoth_chunks,
    read,
)

from .png_chunks import chunk, header_only
from .reading import everything, reasons


def test_reads_pixels_text_camera_and_recording(tmp_path, png, zip_of):
    pixels = np.random.default_rng(0).integers(0, 256, (11, 13, 3), dtype=np.uint8)
    content = png(pixels, ball_intersect=0.7, ball_center_x=6.5, ball_center_y=5.5, ball_radius=5.2)
    zip_of(tmp_path / "top" / "game 1.zip", {"a/b.png": content, "readme.txt": b"hello"}, zipfile.ZIP_DEFLATED)
    (patch,), skipped = everything(naoth_chunks(tmp_path, 0))
    assert not skipped
    assert (patch.camera, patch.recording, patch.origin, patch.ready) == ("top", "game 1", NAOTH, False)
    assert np.array_equal(patch.rgbx & 0xFF, pixels[..., 0])
    assert np.array_equal(patch.rgbx >> 8 & 0xFF, pixels[..., 1])
    assert np.array_equal(patch.rgbx >> 16 & 0xFF, pixels[..., 2])
    assert patch.facts.ball == 0.7
    assert patch.facts.circle == (5.2 / 13, 6.5 / 13, 5.5 / 11)


@pytest.mark.parametrize(
    ("told", "recording"), [("game", "game"), ("", "alarms"), ("a\nb", "alarms"), ("x" * 151, "alarms")]
)
def test_a_patch_may_name_its_recording(told, recording, tmp_path, png, zip_of):
    zip_of(tmp_path / "top" / "alarms.zip", {"a.png": png(20, ball_intersect=0, recording=told)})
    ((patch,), _) = everything(naoth_chunks(tmp_path, 0))
    assert (patch.recording, patch.source) == (recording, "top/alarms/a.png")


def test_a_folder_is_read_like_a_zip(tmp_path, png, zip_of):
    files = {f"sub/{index}.png": png(20, seed=index) for index in range(5)}
    zip_of(tmp_path / "zips" / "bottom" / "log.zip", files)
    for name, content in files.items():
        path = tmp_path / "folders" / "bottom" / "log" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    digests, pixels = [], []
    for root in ("zips", "folders"):
        digest = hashlib.sha256()
        (chunk,) = naoth_chunks(tmp_path / root, 0)
        pixels.append([patch.rgbx.tolist() for patch in read(chunk, digest)])
        digests.append(digest.hexdigest())
    assert pixels[0] == pixels[1]
    assert digests[0] == digests[1]


def test_logs_come_in_order_and_other_files_are_ignored(tmp_path, png, zip_of):
    for name in ("top/b.zip", "top/a.zip", "bottom/a.zip", "top/.hidden.zip", "other/c.zip"):
        zip_of(tmp_path / name, {"1.png": png(20)})
    (tmp_path / "top" / "notes.txt").write_text("x")
    chunks = list(naoth_chunks(tmp_path, 0))
    assert [(chunk.camera, chunk.recording) for chunk in chunks] == [("top", "a"), ("top", "b"), ("bottom", "a")]


def test_large_logs_are_split_into_chunks_without_loss(tmp_path, png, zip_of):
    content = png(9)
    zip_of(tmp_path / "top" / "log.zip", {f"{index:05d}.png": content for index in range(2500)})
    chunks = list(naoth_chunks(tmp_path, 0))
    assert [len(chunk.members) for chunk in chunks] == [1024, 1024, 452]
    names = [member.name for chunk in chunks for member in chunk.members]
    assert names == sorted(names)
    assert len(set(names)) == 2500


def test_missing_logs_and_a_log_given_twice_are_errors(tmp_path, png, zip_of):
    with pytest.raises(UserError, match="no logs found"):
        list(naoth_chunks(tmp_path, 0))
    zip_of(tmp_path / "top" / "log.zip", {"1.png": png(20)})
    (tmp_path / "top" / "log").mkdir()
    with pytest.raises(UserError, match="as a zip and as a folder"):
        list(naoth_chunks(tmp_path, 0))


def text_bomb(png):
    """A valid patch with a compressed text chunk of 3 MB."""
    data = b"Comment\0\0" + zlib.compress(bytes(3 << 20), 9)
    content = png(20)
    return content[:33] + chunk(b"zTXt", data) + content[33:]


def broken(png):
    good = png(20, ball_intersect=0.9)
    return {
        "cut in the middle": (good[: len(good) // 2], "truncated PNG"),
        "without its end": (good[:-12], "truncated PNG"),
        "empty": (b"", "not a PNG file"),
        "text": (b"<html>", "not a PNG file"),
        "resource fork": (b"\x00\x05\x16\x07" + bytes(100), "not a PNG file"),
        "huge": (header_only(60_000, 60_000), "wider or higher than 1024 pixels"),
        "no pixels": (header_only(20, 20), "damaged PNG"),
        "text bomb": (text_bomb(png), "damaged PNG"),
        "bit flipped": (good[:60] + bytes([good[60] ^ 255]) + good[61:], "damaged PNG"),
        "absurd overlap": (png(20, ball_intersect=7), "ball_intersect is not within 0..1"),
    }


CASES = [
    "cut in the middle",
    "without its end",
    "empty",
    "text",
    "resource fork",
    "huge",
    "no pixels",
    "text bomb",
    "bit flipped",
    "absurd overlap",
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_broken_pictures_are_counted_and_the_others_read(tmp_path, png, zip_of, case, kind):
    content, reason = broken(png)[case]
    if kind == "zip":
        zip_of(tmp_path / "top" / "log.zip", {"1.png": png(20), "2.png": content, "3.png": png(21)})
    else:
        folder = tmp_path / "top" / "log"
        folder.mkdir(parents=True)
        for name, data in {"1.png": png(20), "2.png": content, "3.png": png(21)}.items():
            (folder / name).write_bytes(data)
    patches, skipped = everything(naoth_chunks(tmp_path, 0))
    assert len(patches) == 2
    assert [(item.name.rpartition(" ")[2], item.reason) for item in skipped] == [("2.png", reason)]


def test_anything_but_a_regular_file_is_skipped_without_blocking(tmp_path, png):
    folder = tmp_path / "top" / "log"
    (folder / "folder.png").mkdir(parents=True)
    (folder / "1.png").write_bytes(png(20))
    os.mkfifo(folder / "2.png")
    (folder / "3.png").symlink_to("nowhere")
    (folder / "4.png").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "top" / "pipe.zip")
    patches, skipped = everything(naoth_chunks(tmp_path, 0))
    assert len(patches) == 1
    assert [item.reason for item in skipped] == ["missing, or not a regular file"] * 3 + ["not a readable zip file"]


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "LA", "1"])
def test_other_modes_become_rgb(tmp_path, png, zip_of, mode):
    gray = np.repeat(np.arange(0, 200, 10, dtype=np.uint8)[:, None], 20, axis=1)
    content = png(gray, mode=mode)
    zip_of(tmp_path / "top" / "log.zip", {"1.png": content})
    (patch,), _ = everything(naoth_chunks(tmp_path, 0))
    wanted = gray if mode != "1" else np.array(Image.fromarray(gray).convert("1")) * np.uint8(255)
    assert np.array_equal(patch.rgbx & 0xFFFFFF, wanted.astype(int) * 0x010101)


def test_pictures_with_16_bits_per_channel_are_refused(tmp_path, zip_of):
    Image.fromarray(np.full((20, 20), 40_000, np.uint16)).save(tmp_path / "deep.png")
    zip_of(tmp_path / "top" / "log.zip", {"1.png": (tmp_path / "deep.png").read_bytes()})
    assert reasons(tmp_path) == ["not 8 bits per channel"]


def test_devils(devils):
    patches, skipped = everything(devils_chunks(devils))
    assert not skipped
    assert len(patches) == 30
    assert sum(patch.facts.ball for patch in patches) == 12
    assert {patch.recording for patch in patches} == {f"{number:02d}" for number in range(6)}
    assert [patch.camera for patch in patches[:5]].count("top") == 2
    assert all(patch.ready and patch.origin == DEVILS for patch in patches)


def test_devils_names_with_missing_parts(tmp_path, png, zip_of):
    content = png(32)
    names = [
        "p/00/1.00/1_left.png",
        "p/00/0.50/1_upper.png",
        "1.00/1_upper.png",
        "1_upper.png",
        "p/00/1.00/1_upper.png",
    ]
    path = zip_of(tmp_path / "devils.zip", dict.fromkeys(names, content))
    patches, skipped = everything(devils_chunks(path))
    assert len(patches) == 1
    assert sorted(item.reason for item in skipped) == [
        "neither upper nor lower in the file name",
        "no recording folder above the class folder",
        "not in a folder 1.00 or 0.00",
        "not in a folder 1.00 or 0.00",
    ]
    for content, received in ((b"<html>", "File is not a zip file"), (b"", "an empty file")):
        (tmp_path / "bad.zip").write_bytes(content)
        with pytest.raises(UserError, match=rf"bad\.zip: not a readable zip file\. Received: {received}\."):
            list(devils_chunks(tmp_path / "bad.zip"))
