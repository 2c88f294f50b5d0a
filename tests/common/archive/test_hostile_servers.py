"""Servers that mislead the archive client: it ends in bounded time with one line, and the cache stays usable."""

import gc
import gzip
import os
import threading
import time
from contextlib import suppress

import filelock
import pytest

from common.archive import http
from common.archive.download_errors import ArchiveError, Unreachable
from common.archive.fetch import fetch, listing, sibling
from common.archive.http import Page
from common.archive.index_page import names
from common.archive.retry import Patience
from common.datasets.families import DEFAULT_STEMS, parse_stem
from common.datasets.resolve import Source, Wanted, resolve

from .client import CONTENT, NAME, QUICK, left_behind, refused
from .misbehaving_server import Fault

# When requests refuses a redirect, it does not close the connection but leaves it to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

LIST = "classification/some family/SHA256SUMS"
FILE = "patches_16x16.h5"
SLOW = Patience(connect_s=2, read_s=2, attempts=2, backoff_s=0.001, slow_s=0.4)


@pytest.fixture(autouse=True)
def collected():
    yield
    gc.collect()


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
    assert f"SHA256SUMS of the archive does not name {FILE}, so its checksum was not checked" in capsys.readouterr().err


def test_without_a_list_nothing_is_said(bring, capsys):
    bring()
    assert "SHA256SUMS" not in capsys.readouterr().err


@pytest.mark.parametrize("fault", [RuntimeError, MemoryError, TypeError, KeyError, OSError, RecursionError])
def test_after_a_failed_check_of_any_kind_the_next_try_starts_again(bring, server, tmp_path, fault):
    def check(path):
        raise fault("an unexpected \x1b[31m fault")

    text = refused(bring, check=check)
    assert "is invalid, and was deleted" in text
    assert "\x1b" not in text
    assert left_behind(tmp_path) == []
    assert bring().read_bytes() == CONTENT
    assert server.ranges(NAME) == [None, None]


class Drip:
    """Sends single bytes with long pauses, until the test is over."""

    def __init__(self, monkeypatch, server, lists=False, headers=False):
        self.over = threading.Event()
        handler = server.RequestHandlerClass
        original = handler._answer

        def answer(handler, status, sent, body, fault):
            if handler.path.endswith("SHA256SUMS") != lists:
                return original(handler, status, sent, body, fault)
            if headers:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            else:
                handler.send_response(200)
                handler.send_header("Content-Length", "1000000")
                handler.send_header("ETag", '"slow"')
                handler.end_headers()
            handler.close_connection = True
            while not self.over.wait(0.05):
                handler.wfile.write(b"x")
                handler.wfile.flush()

        monkeypatch.setattr(handler, "_answer", answer)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("lists", "headers"), [(False, False), (True, False), (False, True), (True, True)])
def test_a_transfer_without_progress_ends(bring, server, monkeypatch, tmp_path, lists, headers):
    drip = Drip(monkeypatch, server, lists, headers)
    server.files[LIST] = b"x"
    patience = Patience(connect_s=0.3, read_s=0.3, attempts=2, backoff_s=0.001, slow_s=0.4) if headers else SLOW
    begin = time.monotonic()
    text = refused(bring, patience=patience, kind=Unreachable if headers and not lists else ArchiveError)
    assert time.monotonic() - begin < 10
    assert ("no complete answer within" if headers else "bytes came in") in text
    drip.over.set()
    for thread in threading.enumerate():
        if thread.name == "answer":
            thread.join(5)
    if lists:  # the file itself has arrived
        assert "was downloaded and is kept" in text
        assert sibling(tmp_path / NAME, "part").read_bytes() == CONTENT


@pytest.mark.timeout(30)
def test_a_slow_transfer_that_makes_progress_is_not_stopped(bring, server, monkeypatch):
    monkeypatch.setattr(http, "SLOWEST_BYTES_PER_S", 10)
    assert bring(patience=SLOW).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "to",
    [
        "http://[evil/x",
        "http://a..b/x",
        "http://" + "a" * 70 + ".com/",
        "http://*.x/",
        "http://",
        "http://127.0.0.1:99999/x",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "/\xff\xfe",
        "http://a\u2100b/".encode().decode("latin-1"),
        "//",
        "http://\x01/",
        "http://user@/",
    ],
)
def test_a_redirect_to_nowhere_is_one_line(bring, server, tmp_path, to):
    server.always = Fault(status=302, headers={"Location": to})
    with pytest.raises(ArchiveError) as caught:
        bring()
    assert "\n" not in str(caught.value)
    assert left_behind(tmp_path) == []
    server.beside = Fault(status=302, headers={"Location": to})
    with suppress(Unreachable):
        assert listing("classification", server.url, patience=QUICK) is None


PAGES = [
    b'<a href="http://[evil/">x</a>',
    b'<a href="http://a:99999999/">x</a>',
    '<a href="http://a\u2100b/">x</a>'.encode(),
    b"<![foo[x]]><!FOO <![ %",
    b"<!DOCTYPE [ <!x ",
    b'<a href="&#' + b"9" * 5000 + b';">x</a>',
    b'<a href="%ff%00">x</a><a href="\x1b[31mred">y</a><a href="%1b[31m">z</a><a href="javascript:1">j</a>',
    b'<a href="%2e%2e/x">a</a><a href="../../etc">b</a><a href="//evil/">k</a>',
]


@pytest.mark.parametrize("page", PAGES)
def test_index_pages_of_strangers_name_what_is_in_them(server, page):
    start = b"<html><title>Index of /</title>"
    server.files["family/"] = start + page + b'<a href="good.h5">good</a>'
    found = listing("family", server.url, patience=QUICK)
    assert "good.h5" in found
    assert all(name.isprintable() and "/" not in name.rstrip("/") for name in found)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    ["<!--", "<a ", '<a href="aaaa" ', "</a ", "<", "<title>", "x<b>", "&#", "<a href='", '<a href="x', "<a\t", "[["],
)
def test_no_index_page_takes_long(piece):
    text = "<html><title>Index of /</title>" + piece * ((4 << 20) // len(piece))
    names(Page("http://x/y/", "text/html", text))
    names(Page("http://x/y/", "text/html", text[6:]))


def test_a_packed_list_of_a_gigabyte_is_read_in_part(bring, server):
    packed = gzip.compress(bytes(1 << 28), 9)
    server.files[LIST] = packed
    server.beside = Fault(headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})
    assert bring().read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["missing", "folder", "garbage", "empty"])
def test_certificates_that_cannot_be_used(server, tmp_path, monkeypatch, kind):
    bundle = tmp_path / "certificates.pem"
    if kind == "folder":
        bundle.mkdir()
    elif kind != "missing":
        bundle.write_bytes(b"" if kind == "empty" else b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with pytest.raises(ArchiveError) as caught:
        fetch(NAME, tmp_path, f"https://127.0.0.1:{server.server_port}", patience=SLOW)
    assert "\n" not in str(caught.value)
    if kind in ("missing", "garbage", "empty"):
        assert f"REQUESTS_CA_BUNDLE={bundle}" in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [None, b"\xff\xfe", b"[]", b"null", b"[" * 100_000, b'{"url": 5, "validator": [], "length": "x"}', "pipe"],
)
@pytest.mark.parametrize("note", ["origin", "absent", "part", "part.json"])
def test_anything_may_lie_beside_a_cached_file(tmp_path, server, note, content):
    family = parse_stem(DEFAULT_STEMS["classification"], "classification")
    for split in ("train", "validation", "test"):
        path = sibling(tmp_path / family.file(split), note)
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir()
        elif content == "pipe":
            os.mkfifo(path)
        else:
            path.write_bytes(content)
    server.files[family.file("train")] = CONTENT
    if content is None and note.startswith("part"):
        with pytest.raises(ArchiveError, match="something else has this name"):
            fetch(family.file("train"), tmp_path, server.url, patience=QUICK)
    else:
        fetch(family.file("train"), tmp_path, server.url, patience=QUICK)
    (tmp_path / family.file("train")).write_bytes(CONTENT)
    source = Source(tmp_path, server.url, patience=QUICK)
    found = resolve("classification", Wanted(), source, lambda *_: {})
    assert found.validation == found.test == ()


def test_a_file_system_without_locks(bring, monkeypatch, capsys):
    def no_locks(self, *_, **__):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(filelock.FileLock, "acquire", no_locks)
    assert bring().read_bytes() == CONTENT
    assert "this file system has no locks" in capsys.readouterr().err
