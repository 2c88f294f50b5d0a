"""Each bad log among good logs is reported in one line, and no control characters are printed."""

import struct

import pytest

from ..helpers import load
from ..sources.png_chunks import header_only

RED = "\x1b[31m"


def spoiled(path, find, replace):
    """Replaces the bytes after the last occurrence of `find` in a zip file."""
    content = bytearray(path.read_bytes())
    at = content.rindex(find) + len(find)
    content[at : at + len(replace)] = replace
    path.write_bytes(content)


@pytest.fixture
def bad_logs(naoth, png, zip_of):
    """A root folder with 14 good logs, and with one bad log of every kind."""
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
    spoiled(offset, b"PK\5\6", struct.pack("<HHHHLL", 0, 0, 1, 1, 70, 0))  # the zip file's directory has the wrong size
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
        assert f"skipped {count} item{'s' * (count > 1)} from naoth: {reason}" in said
    assert "skipped 3 items from naoth: not a readable zip file" in said


def test_if_no_log_can_be_read_the_reasons_are_reported(naoth, build, capsys):
    logs = list(naoth.rglob("*.zip"))
    for log in logs:
        log.write_bytes(b"")
    assert build("classification", "--origins", "naoth") == 1
    said = f"no patches found in naoth; skipped {len(logs)} items from naoth: not a readable zip file, such as "
    assert said in capsys.readouterr().out


def test_names_of_members_and_logs_are_not_printed_raw(tmp_path, naoth, build, zip_of, png, capsys):
    zip_of(naoth / "top" / f"log{RED}.zip", {f"{RED}patch.png": b"no picture", f"{RED}good.png": png(22)})
    zip_of(naoth / "top" / "second.zip", {"../\x9b2J.png": png(23)})
    build("classification")
    said = "".join(capsys.readouterr())
    assert RED not in said
    assert "\x9b" not in said
    assert r"\x1b[31mpatch.png" in said


def test_unlabelled_pictures_are_skipped_but_fail_the_build_with_strict(tmp_path, naoth, build, zip_of, png, capsys):
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
    assert "skipped 30 items from naoth: no label in its PNG text" in said
    assert "skipped 1 item from naoth: a whole camera picture" in said
    assert "skipped 2 items from naoth: patches of one class, not a log" in said
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.h5")}
    assert build("classification", "--strict") == 1
    assert "--strict: patches to skip: 33" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.h5")} == before
