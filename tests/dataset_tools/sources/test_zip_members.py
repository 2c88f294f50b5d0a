"""Reading a zip member gives the same bytes as the zipfile module does, and hostile zip files do no harm."""

import struct
import subprocess
import sys
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import naoth_chunks
from dataset_tools.sources.zip_members import MEMBER_LIMIT_BYTES, members, read_member

from ..helpers import ROOT
from .reading import everything, reasons


@pytest.mark.parametrize("name", ["/etc/evil.png", "../evil.png", "a/../../evil.png", "C:/evil.png", "a\\..\\evil.png"])
def test_names_that_point_outside_the_zip(tmp_path, png, zip_of, name):
    before = sorted(tmp_path.parent.rglob("*.png"))
    zip_of(tmp_path / "top" / "log.zip", {name: png(20), "good.png": png(20)})
    patches, skipped = everything(naoth_chunks(tmp_path, 0))
    assert len(patches) == 1
    assert [item.reason for item in skipped] == ["name points outside the zip"]
    assert sorted(tmp_path.parent.rglob("*.png")) == before


def patched(path, find, replace):
    content = path.read_bytes()
    assert find in content
    path.write_bytes(content.replace(find, replace))


def test_zip_bombs_are_refused(tmp_path, zip_of):
    zip_of(tmp_path / "top" / "honest.zip", {"1.png": bytes(5 << 20)}, zipfile.ZIP_DEFLATED)
    liar = zip_of(tmp_path / "top" / "liar.zip", {"1.png": bytes(3 << 20)}, zipfile.ZIP_DEFLATED)
    # The member claims a size of 100 bytes, but its content is 3 MB.
    patched(liar, struct.pack("<L", 3 << 20), struct.pack("<L", 100))
    assert reasons(tmp_path) == ["larger than 4 MB unpacked", "damaged in the zip"]


def test_broken_zips(tmp_path, png, zip_of):
    for name in ("a", "b", "c", "d", "e"):
        zip_of(tmp_path / "top" / f"{name}.zip", {"1.png": png(20)})
    top = tmp_path / "top"
    (top / "a.zip").write_bytes((top / "a.zip").read_bytes()[:-30])
    (top / "b.zip").write_bytes(b"no zip")
    patched(top / "c.zip", b"IDAT", b"IDAX")
    patched(top / "d.zip", b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00")  # encrypted
    patched(top / "e.zip", b"PK\x03\x04", b"PK\x03\x05")
    assert reasons(tmp_path) == [
        "not a readable zip file",
        "not a readable zip file",
        "damaged in the zip",
        "encrypted",
        "damaged in the zip",
    ]


def test_other_compressions_are_refused(tmp_path, png, zip_of):
    zip_of(tmp_path / "top" / "log.zip", {"1.png": png(20)}, zipfile.ZIP_LZMA)
    assert reasons(tmp_path) == ["neither stored nor deflated"]


def test_every_member_at_an_impossible_offset_is_skipped(tmp_path, png, zip_of):
    path = zip_of(tmp_path / "top" / "log.zip", {"a.png": png(20), "b.png": png(21)})
    content = path.read_bytes()
    at = content.index(b"PK\1\2") + 42
    for offset in (0xFFFFFFFE, 5, len(content) - 3):
        path.write_bytes(content[:at] + struct.pack("<L", offset) + content[at + 4 :])
        patches, skipped = everything(naoth_chunks(tmp_path, 0))
        assert [item.reason for item in skipped] in (["damaged in the zip"], ["not a readable zip file"])
        assert len(patches) in (0, 1)
    # If the directory claims to start later than it does, every member seems to start before the start of the file.
    end = content.index(b"PK\5\6")
    start = struct.unpack_from("<L", content, end + 16)[0]
    path.write_bytes(content[: end + 16] + struct.pack("<L", start + 300) + content[end + 20 :])
    patches, skipped = everything(naoth_chunks(tmp_path, 0))
    assert not patches
    assert skipped


def test_a_directory_larger_than_memory_is_not_read(tmp_path, png, zip_of):
    path = zip_of(tmp_path / "log.zip", {"a.png": png(20)})
    with path.open("r+b") as file:  # a sparse file: a directory of 3 GB takes up a few kB on disk
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


files_of_a_zip = st.lists(st.tuples(st.text("abc/ö.", max_size=9), st.binary(max_size=300)), max_size=5)


@given(files_of_a_zip, st.booleans(), st.integers(0, 200))
def test_members_are_read_as_zipfile_reads_them(tmp_path_factory, files, deflated, extra):
    path = tmp_path_factory.mktemp("zips") / "a.zip"
    contents = {f"x{index}{name.replace('..', '')}.PNG": data for index, (name, data) in enumerate(files)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED) as archive:
        for name, data in contents.items():
            info = zipfile.ZipInfo(name)
            info.extra = struct.pack("<HH", 0x9999, extra) + bytes(extra)
            archive.writestr(info, data, archive.compression)
        archive.writestr("readme.txt", b"text")
    found = members(path)
    assert [member.name for member in found] == sorted(contents)
    with path.open("rb") as file:
        for member in found:
            assert read_member(file.fileno(), member) == contents[member.name]
    assert [member.name for member in members(path, (".txt",))] == ["readme.txt"]


def test_a_member_that_breaks_a_rule_is_refused(tmp_path, zip_of):
    path = zip_of(tmp_path / "a.zip", {"a.png": bytes(100)}, zipfile.ZIP_DEFLATED)
    (member,) = members(path)
    with path.open("rb") as file:
        assert read_member(file.fileno(), member, 100) == bytes(100)
        with pytest.raises(Refused, match="larger than"):
            read_member(file.fileno(), member, 99)
        for change, reason in (
            ({"size": 99}, "damaged in the zip"),
            ({"size": 99, "crc": zlib.crc32(bytes(99))}, "damaged in the zip"),
            ({"size": 101}, "damaged in the zip"),
            ({"crc": member.crc ^ 1}, "damaged in the zip"),
            ({"offset": 1 << 63}, "damaged in the zip"),
            ({"name": "../a.png"}, "name points outside the zip"),
            ({"flags": 1}, "encrypted"),
            ({"size": MEMBER_LIMIT_BYTES + 1}, "larger than 4 MB unpacked"),
        ):
            with pytest.raises(Refused, match=reason):
                read_member(file.fileno(), member._replace(**change))
