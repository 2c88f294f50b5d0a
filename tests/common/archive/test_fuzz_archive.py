"""Reads many damaged index pages, checksum lists and redirects."""

import pytest

from common.archive import checksums
from common.archive.fetch import listing
from common.archive.http import Page, decode
from common.archive.index_page import names
from common.archive.retry import Patience
from common.errors import UserError

from ...fuzzing import mutated, survives
from .client import NAME
from .misbehaving_server import Fault

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # see test_http.py
ONCE = Patience(connect_s=2, read_s=2, attempts=1, backoff_s=0.001, slow_s=2)
HASH = "0a" * 32
PAGES = [
    b'<html><head><title>Index of /a/</title></head><body><pre><a href="../">../</a>\n'
    b'<a href="b%20c.h5">b c.h5</a> 01-Jan-2024 10:00 5\n<a href="folder/">folder/</a></pre></body></html>',
    b"<!DOCTYPE HTML><html lang='en'><meta charset='utf-8'><title>Directory listing for /a/</title>"
    b"<li><a href='x&amp;y.h5'>x</a><!-- <a href=gone> --><A HREF=z.h5>z</A><a class=q href=\"//host:80/a/v\">v</a>",
]
LISTS = [
    f"{HASH}  {NAME}\n{HASH} *./b.h5\r\n".encode(),
    f"SHA256 ({NAME}) = {HASH}\nSHA2-256(b.h5)= {HASH}\n".encode("utf-16"),
    f"\ufeff  {HASH}\t/srv/a/{NAME}\n{NAME}: {HASH}\n# SHA256  {HASH}  C:\\a.h5".encode(),
]
ADDRESSES = [b"http://127.0.0.1:9/a/b?c=d#e", b"http://user:word@[::1]:9/x", b"/a/../%2e%2e/%ff?", b"//127.0.0.1:9/"]


def read_page(content):
    for kind in ("text/html", "text/plain"):
        found = names(Page("http://127.0.0.1/a/", kind, decode(content)))
        assert found is None or all(name.isprintable() for name in found)


def read_list(content):
    checksums.of_file(checksums.parse(content), NAME)


@pytest.mark.parametrize(("bases", "read"), [(PAGES, read_page), (LISTS, read_list)])
def test_some_damaged_texts_are_read(bases, read):
    assert survives(mutated(7, bases, 300), read) == {"read": 300}


@pytest.mark.slow
@pytest.mark.parametrize(("bases", "read"), [(PAGES, read_page), (LISTS, read_list)])
def test_thousands_of_damaged_texts_are_read(bases, read):
    assert survives(mutated(1, bases, 8000), read) == {"read": 8000}


def redirected(bring, server, count, seed):
    """Follows damaged redirects from the server, except redirects to other machines, and counts the results."""

    def read(content):
        to = content.decode("latin-1").replace("\r", "").replace("\n", "")
        server.faults.clear()
        server.always = server.beside = Fault(status=302, headers={"Location": to})
        try:
            listing("classification", server.url, patience=ONCE)
            bring(patience=ONCE)
        except AssertionError as error:  # conftest.py blocks connections to other machines
            raise UserError(str(error)) from None

    here = (
        address for address in mutated(seed, ADDRESSES, 8 * count) if b"127.0.0.1" in address or b"//" not in address
    )
    return survives((address for _, address in zip(range(count), here, strict=False)), read)


def test_some_damaged_redirects_are_followed_or_refused(bring, server):
    assert set(redirected(bring, server, 60, 7)) <= {"refused", "read"}


@pytest.mark.slow
def test_thousands_of_damaged_redirects_are_followed_or_refused(bring, server):
    assert set(redirected(bring, server, 2000, 1)) <= {"refused", "read"}
