"""Bad logs among good ones: each gives one line, and none prints control characters."""

import struct
import subprocess
import sys
import zipfile
import zlib

import h5py
import numpy as np
import pytest

from dataset_tools import inspect
from dataset_tools.sources.patch_sources import naoth_chunks
from dataset_tools.sources.zip_members import members

from .helpers import ROOT, family, load
from .sources.test_patch_sources import everything

RED = "\x1b[31m"


def chunk(kind, data):
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def header_only(width, height, bits=8, colour=2):
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def spoiled(path, find, replace, place=-1):
    """Replaces bytes after the last occurrence of `find` in a zip."""
    content = bytearray(path.read_bytes())
    at = content.rindex(find) + len(find)
    content[at : at + len(replace)] = replace
    path.write_bytes(content)


@pytest.fixture
def bad_logs(naoth, png, zip_of):
    """A root of 14 good logs and one bad log of every kind."""
    top = naoth / "top"
    for name, content in {
        "flat": header_only(0, 0),
        "line": header_only(0, 16),
        "gray": header_only(16, 0, colour=0),
        "palette": header_only(16, 16, colour=3),
        "no type": header_only(16, 16, colour=9),
    }.items():
        zip_of(top / f"{name}.zip", {"a.png": content})
    offset = zip_of(top / "offset.zip", {"a.png": png(20)})
    spoiled(offset, b"PK\5\6", struct.pack("<HHHHLL", 0, 0, 1, 1, 70, 0))  # a directory with another size
    zip_of(top / "method.zip", {"a.png": png(20)})
    spoiled(top / "method.zip", b"PK\1\2", struct.pack("<HHHH", 20, 20, 0, 99))
    spoiled(zip_of(top / "large.zip", {"a.png": png(20)}), b"PK\5\6", struct.pack("<HHHHL", 0, 0, 1, 1, 1 << 31))
    spoiled(zip_of(top / "utf8.zip", {"ä.png": png(20)}), b"PK\5\6", b"")
    content = (top / "utf8.zip").read_bytes().replace("ä".encode(), b"\xff\xfe")
    (top / "utf8.zip").write_bytes(content)
    zip_of(top / "none.zip", {"a.txt": b"no picture"})
    return naoth


def test_bad_logs_do_not_affect_the_good_ones(tmp_path, bad_logs, build, capsys):
    assert build("classification") == 0
    assert len(load(tmp_path / "out", "naoth").y) == 14 * 10
    said = capsys.readouterr().err
    for count, reason in {
        2: "a picture without pixels",
        3: "damaged PNG",
        1: "no PNG files in it",
    }.items():
        assert f"skipped {count} of naoth: {reason}" in said
    assert "skipped 3 of naoth: not a readable zip file" in said


def test_every_member_at_an_impossible_offset_is_skipped(tmp_path, png, zip_of):
    path = zip_of(tmp_path / "top" / "log.zip", {"a.png": png(20), "b.png": png(21)})
    content = path.read_bytes()
    at = content.index(b"PK\1\2") + 42
    for offset in (0xFFFFFFFE, 5, len(content) - 3):
        path.write_bytes(content[:at] + struct.pack("<L", offset) + content[at + 4 :])
        patches, skipped = everything(naoth_chunks(tmp_path, 0))
        assert [item.reason for item in skipped] in (["damaged in the zip"], ["not a readable zip file"])
        assert len(patches) in (0, 1)
    # If the directory claims to start later than it does, every member seems to be in front of the file.
    end = content.index(b"PK\5\6")
    start = struct.unpack_from("<L", content, end + 16)[0]
    path.write_bytes(content[: end + 16] + struct.pack("<L", start + 300) + content[end + 20 :])
    patches, skipped = everything(naoth_chunks(tmp_path, 0))
    assert not patches
    assert skipped


def test_a_directory_larger_than_memory_is_not_read(tmp_path, png, zip_of):
    path = zip_of(tmp_path / "log.zip", {"a.png": png(20)})
    with path.open("r+b") as file:  # a sparse file: a directory of 4 GB takes a few kB of disk
        content = file.read()
        end = content.index(b"PK\5\6")
        file.seek(3 << 30)
        file.write(content[end : end + 12] + struct.pack("<LL", (3 << 30) - 10, 0) + b"\0\0")
    program = f"""
from pathlib import Path
from common.errors import UserError
from dataset_tools.sources.zip_members import members
try:
    members(Path({str(path)!r}))
except UserError as error:
    print(error)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=100)
    said, peak = found.stdout.splitlines()
    assert "not a readable zip file. Received: a directory of" in said
    assert int(peak) < 150_000, "kB"
    with zipfile.ZipFile(tmp_path / "ok.zip", "w") as archive:
        archive.writestr("a.png", png(20))
    assert len(members(tmp_path / "ok.zip")) == 1


def test_names_of_members_and_logs_are_not_printed_raw(tmp_path, naoth, build, zip_of, png, capsys):
    zip_of(naoth / "top" / f"log{RED}.zip", {f"{RED}patch.png": b"no picture", f"{RED}good.png": png(22)})
    zip_of(naoth / "top" / "second.zip", {"../\x9b2J.png": png(23)})
    build("classification")
    said = "".join(capsys.readouterr())
    assert RED not in said
    assert "\x9b" not in said
    assert r"\x1b[31mpatch.png" in said


def test_attributes_and_recordings_are_not_printed_raw(tmp_path, capsys):
    path = tmp_path / f"a{RED}.h5"
    with h5py.File(path, "w") as file:
        file["X"] = np.random.default_rng(0).integers(20, 230, (60, 16, 16, 1), dtype=np.uint8)
        file["y"], file["recording"] = np.arange(60) % 2, np.array([f"log{RED}".encode()] * 60)
        file.attrs[f"note{RED}"] = f"{RED}read me\x07"
        file.attrs["list"] = [1, 2, 3]
        file.attrs["text"] = "plain"
    assert inspect.main([str(path), "--no-picture"]) == 0
    out = capsys.readouterr().out
    assert RED not in out
    assert "\x07" not in out
    assert r"note\x1b[31m: \x1b[31mread me\x07" in out
    assert "list: [1 2 3]" in out
    assert "text: plain" in out
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    assert inspect.main([str(path), "--no-picture"]) == 2
    assert RED not in capsys.readouterr().err


def test_an_unused_attribute_is_not_read(tmp_path, capsys):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["X"] = np.random.default_rng(0).integers(20, 230, (60, 16, 16, 1), dtype=np.uint8)
        file["y"] = np.arange(60) % 2
        scalar = h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5a.create(file.id, b"recorded", h5py.h5t.UNIX_D32LE, scalar)
        h5py.h5a.create(file.id, b"\xff\xfe", h5py.h5t.NATIVE_INT32, scalar)
        h5py.h5a.create(file.id, b"nothing", h5py.h5t.NATIVE_INT32, h5py.h5s.create(h5py.h5s.NULL))
        odd = h5py.h5t.NATIVE_INT32.copy()
        odd.set_size(3)
        h5py.h5a.create(file.id, b"three", odd, scalar)
        file.attrs["pointer"] = file["X"].ref
        file.attrs["n"] = 7
    assert inspect.main([str(path), "--no-picture"]) == 0
    out = capsys.readouterr().out
    assert "  n: 7" in out
    assert "  recorded: (" in out


def test_pictures_without_a_label_are_skipped_and_an_error_with_strict(tmp_path, naoth, build, zip_of, png, capsys):
    resaved = {f"{index}.png": png(24, seed=index, labelled=False) for index in range(30)}
    zip_of(naoth / "top" / "resaved.zip", resaved)
    zip_of(naoth / "top" / "frames.zip", {"1.png": png((640, 480), ball_intersect=0)})
    for name in ("ball", "no_ball"):
        folder = naoth / "bottom" / name
        folder.mkdir()
        (folder / "1.png").write_bytes(png(24, seed=99, ball_intersect=0))
    assert build("classification") == 0
    assert len(load(tmp_path / "out", "naoth").y) == 14 * 10
    said = capsys.readouterr().err
    assert "skipped 30 of naoth: no label in its PNG text" in said
    assert "skipped 1 of naoth: a whole camera picture" in said
    assert "skipped 2 of naoth: patches of one class, not a log" in said
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.h5")}
    assert build("classification", "--strict") == 1
    assert "--strict: 33 patches would be skipped" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.h5")} == before


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_a_family_without_a_single_ball_fails(tmp_path, build, zip_of, png, task, capsys):
    for log in range(6):
        files = {f"{index}.png": png(24, seed=10 * log + index) for index in range(5)}
        zip_of(tmp_path / "empty" / "top" / f"log{log}.zip", files)
    assert build(task, "--naoth", str(tmp_path / "empty"), "--origins", "naoth") == 1
    out = capsys.readouterr().out
    assert {"classification": "shows a ball: are labels missing", "detection": "no patches with a label"}[task] in out
    assert not list((tmp_path / "out").rglob("*.h5"))


def test_positions_in_a_root_with_a_border_are_corrected_in_the_file(tmp_path, build, zip_of, png):
    for log in range(6):
        files = {}
        for index in range(5):
            side, left, top = 30, 100 + 20 * index, 150 + log
            box = {"p_min_x": left - 10, "p_min_y": top - 10, "p_max_x": left + side, "p_max_y": top + side}
            ball = {"ball_intersect": 1, "ball_center_x": 12, "ball_center_y": 15, "ball_radius": 11}
            files[f"{index}.png"] = png(side + 10, seed=50 * log + index, **box, **ball)
        zip_of(tmp_path / "grown" / "top" / f"log{log}.zip", files)
    assert build("detection", "--naoth", str(tmp_path / "grown"), "--border", "10", "--origins", "naoth") == 0
    y = load(tmp_path / "out", "train", family("detection", border=10)).y
    assert np.allclose(y, [11 / 40, 22 / 40, 25 / 40])
