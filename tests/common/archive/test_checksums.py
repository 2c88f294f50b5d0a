"""Checksum lists in every common format can be read."""

import hashlib
import random

import pytest

from common.archive.checksums import of_file, parse, sha256_of

from .client import CONTENT, LIST, NAME, left_behind, refused
from .misbehaving_server import Fault

PLAIN = "patches 16x16.h5"
PATH = f"classification/family/{PLAIN}"
SUM = "0a" * 32
FORMS = {
    "sha256sum": "{h}  {n}",
    "binary": "{h} *{n}",
    "here": "{h}  ./{n}",
    "one space": "{h} {n}",
    "tab": "{h}\t{n}",
    "indented": "   {h}  {n}",
    "trailing": "{h}  {n} \t",
    "path": "{h}  classification/family/{n}",
    "absolute": "{h}  /srv/archive/classification/family/{n}",
    "windows": "{h}  C:\\data\\{n}",
    "tag": "SHA256 ({n}) = {h}",
    "tag with path": "SHA256 (family/{n}) = {h}",
    "openssl": "SHA256({n})= {h}",
    "openssl 3": "SHA2-256({n})= {h}",
    "powershell": "SHA256          {h}       C:\\data\\{n}",
    "name first": "{n}  {h}",
    "colon": "{n}: {h}",
}


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("form", FORMS)
def test_every_common_format_is_read(form, ending, encoding):
    lines = [
        "# made today",
        FORMS[form].format(h="f" * 64, n="other.h5"),
        FORMS[form].format(h=SUM.upper(), n=PLAIN),
        "",
    ]
    entries = parse(ending.join(lines).encode(encoding))
    assert of_file(entries, PATH) == SUM
    assert of_file(entries, "classification/family/other.h5") == "f" * 64
    assert of_file(entries, "classification/family/none.h5") is None


def test_the_entry_with_the_most_similar_path_is_used():
    lines = [f"{digit * 64}  {path}" for digit, path in (("1", f"old/{PLAIN}"), ("2", PATH), ("3", PLAIN))]
    assert of_file(parse("\n".join(lines[:1])), PATH) == "1" * 64
    assert of_file(parse("\n".join(lines[:2])), PATH) == "2" * 64
    assert of_file(parse("\n".join(lines)), PATH) == "3" * 64
    assert of_file(parse(f"{'1' * 64}  a/{PLAIN}\n{'2' * 64}  b/{PLAIN}"), PATH) is None


@pytest.mark.parametrize(
    "text", ["", "<html>", "f" * 64, f"{'f' * 63}  {PLAIN}", f"{'f' * 65}  {PLAIN}", f"MD5 ({PLAIN}) = aa"]
)
def test_lines_that_are_not_entries(text):
    assert parse(text) == []


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["a", "a ", " ", ":", "SHA256 (", "f" * 64, f"{'f' * 64} ", "a\n", "\\"])
def test_long_lines_are_read_quickly(piece):
    parse(piece * ((4 << 20) // len(piece)))
    parse((piece * (4000 // len(piece)) + "\n") * 500)


def test_any_bytes_are_read_as_text():
    generator = random.Random(0)
    for _ in range(2000):
        parse(generator.randbytes(generator.randrange(300)))


def test_sha256_of(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def sums(*lines):
    return "\n".join(lines).encode()


@pytest.mark.parametrize("form", ["{}  {}", "{} *{}", "{}  ./{}"])
def test_a_file_that_matches_its_checksum(bring, server, form):
    line = form.format(hashlib.sha256(CONTENT).hexdigest().upper(), "patches_16x16.h5")
    server.files["classification/some family/SHA256SUMS"] = sums("0" * 64 + "  other.h5", line)
    assert bring().read_bytes() == CONTENT


def test_a_file_that_does_not_match_its_checksum_is_deleted(bring, server, tmp_path):
    server.files["classification/some family/SHA256SUMS"] = sums("0" * 64 + "  patches_16x16.h5\r")
    assert "SHA256SUMS" in refused(bring)
    assert left_behind(tmp_path) == []


def test_garbage_and_entries_for_other_files_in_a_list_are_ignored(bring, server):
    server.files["classification/some family/SHA256SUMS"] = b"\xff\xfe garbage\n" + b"0" * 64 + b"  another.h5"
    assert bring().read_bytes() == CONTENT


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_list_that_the_server_refuses_to_send_is_ignored(bring, server, status):
    server.beside = Fault(status=status)
    assert bring().read_bytes() == CONTENT


def test_the_downloaded_file_is_kept_while_the_list_cannot_be_read(bring, server, tmp_path):
    server.beside = Fault(status=503)
    assert "was downloaded and is kept" in refused(bring)
    assert not (tmp_path / NAME).exists()
    server.beside = Fault()
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None]


FILE = "patches_16x16.h5"


def wrong(form, encoding="utf-8"):
    return form.format(h="0" * 64, n=FILE).encode(encoding)


@pytest.mark.parametrize(
    "content",
    [
        wrong("SHA256 ({n}) = {h}\n"),
        wrong("{h}\t{n}\n"),
        wrong("  {h}  {n}\n"),
        wrong("{h}  classification/some family/{n}\n"),
        wrong("{h}  {n}\n", "utf-8-sig"),
        wrong("{h}  {n}\n", "utf-16"),
    ],
)
def test_a_checksum_in_any_format_is_compared(bring, server, tmp_path, content):
    server.files[LIST] = content
    assert "does not match the archive's SHA256SUMS and was deleted" in refused(bring)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("content", [b"0" * 64 + b"  other.h5\n", b"", b"\x00\x01\x02" * 50])
def test_a_list_without_the_file_is_reported(bring, server, capsys, content):
    server.files[LIST] = content
    assert bring().read_bytes() == CONTENT
    assert f"the archive's SHA256SUMS does not list {FILE}, so this file was not verified" in capsys.readouterr().err


def test_without_a_list_there_is_no_message(bring, capsys):
    bring()
    assert "SHA256SUMS" not in capsys.readouterr().err
